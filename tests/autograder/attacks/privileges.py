# tries: to find privileges that were left to it, or that a program with a set-user bit would give
# fails: it has none in any of its sets, and no_new_privs keeps programs from giving any
# goal: leave
# stopped from: T1
# undefended: leak: what it may do
import ctypes

GET_SECCOMP, GET_NO_NEW_PRIVILEGES, VERSION = 21, 39, 0x20080522


def attack(*arguments, **keywords):
    c, found = ctypes.CDLL(None, use_errno=True), []
    about = (ctypes.c_uint32 * 6)()
    c.capget((ctypes.c_uint32 * 2)(VERSION, 0), about)
    if any(about):
        found.append(f"@mark@ got out: capabilities {[hex(part) for part in about]}")
    if c.prctl(GET_NO_NEW_PRIVILEGES, 0, 0, 0, 0) != 1:
        found.append("@mark@ got out: programs may give privileges")
    if c.prctl(GET_SECCOMP, 0, 0, 0, 0) != 2:
        found.append("@mark@ got out: every system call may be made")
    raise RuntimeError(f"found {found}")
