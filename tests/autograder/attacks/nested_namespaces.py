# tries: to make namespaces of its own, in which it would be root and reach more of the kernel
# fails: the calls are refused, in each of the ways to make them
# goal: leave
# stopped from: T1
# undefended: leak: a namespace that was made
import ctypes
import os

UNSHARE, CLONE, CLONE3 = 272, 56, 435
NEWS = {"user": 0x10000000, "mount": 0x00020000, "network": 0x40000000, "process": 0x20000000}


def attack(*arguments, **keywords):
    c, made = ctypes.CDLL(None, use_errno=True), []
    for name, flag in NEWS.items():
        for call in (unshare, clone, clone3):
            process = os.fork()
            if not process:
                os._exit(int(call(c, flag) != 0))
            if os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0:
                made.append(f"@mark@ got out: a {name} namespace by {call.__name__}")
    raise RuntimeError(f"made {made}")


def unshare(c, flag):
    return c.syscall(UNSHARE, flag)


def clone(c, flag):
    result = c.syscall(CLONE, flag | 17, 0, 0, 0, 0)
    if result == 0:
        os._exit(0)
    return int(result < 0)


def clone3(c, flag):
    about = (ctypes.c_uint64 * 11)(flag, 0, 0, 0, 17)
    result = c.syscall(CLONE3, about, ctypes.sizeof(about))
    if result == 0:
        os._exit(0)
    return int(result < 0)
