# tries: to leave a note in the kernel's keyrings of this user and of this session
# fails: the calls are refused
# goal: steal
# stopped from: T1
# undefended: leak: from one run to the next
# runs: twice
import ctypes

ADD_KEY, KEYCTL, SEARCH, RINGS = 248, 250, 10, (-3, -4, -5)  # session, user, user's session


def attack(*arguments, **keywords):
    c, found = ctypes.CDLL(None, use_errno=True), []
    c.syscall.restype = ctypes.c_long
    for ring in RINGS:
        if c.syscall(KEYCTL, SEARCH, ring, b"user", b"@mark@", 0) >= 0:
            found.append(f"@mark@ got out: a note in keyring {ring}")
        c.syscall(ADD_KEY, b"user", b"@mark@", b"7", 1, ring)
    raise RuntimeError(f"found {found}")
