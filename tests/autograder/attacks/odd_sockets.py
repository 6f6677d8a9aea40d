# tries: sockets that no network namespace contains: to the hypervisor, to the kernel's ciphers, raw
# fails: they are refused by family
# goal: leave
# stopped from: T1
# undefended: leak: the families that may be opened
import socket

FAMILIES = {"AF_VSOCK": 40, "AF_ALG": 38, "AF_PACKET": 17, "AF_KEY": 15, "AF_XDP": 44}
NETLINK = {"netfilter": 12, "xfrm": 6, "audit": 9, "uevent": 15, "generic": 16, "crypto": 21}
FAMILIES |= {"AF_BLUETOOTH": 31, "AF_TIPC": 30, "AF_RDS": 21, "AF_CAN": 29, "AF_NFC": 39}
KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET)


def attack(*arguments, **keywords):
    opened = []
    for name, family in FAMILIES.items():
        for kind in KINDS:
            try:
                socket.socket(family, kind).close()
                opened.append(name)
            except (OSError, ValueError):
                continue
    for name, protocol in NETLINK.items():  # its first protocol lists interfaces; these do more
        try:
            socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol).close()
            opened.append(f"netlink {name}")
        except OSError:
            continue
    for protocol in (socket.IPPROTO_ICMP, socket.IPPROTO_RAW):
        try:
            socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol).close()
            opened.append("raw")
        except OSError:
            continue
    raise RuntimeError(f"{'@mark@ got out: ' if opened else ''}{', '.join(opened)}")
