# tries: to move the walls: mount, unmount, remount, change the root
# fails: the calls are refused
# goal: leave
# stopped from: T1
# undefended: untried: a view of the whole disk
import ctypes
import os

CONFINED = ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) == 2  # a filter of system calls
REMOUNT_BIND, DETACH, TREE_CLONE = 0x1020, 2, 1
PIVOT_ROOT, FSOPEN, OPEN_TREE = 155, 430, 428


def attack(*arguments, **keywords):
    if not CONFINED:
        raise RuntimeError("no sandbox here: this would do harm")
    c = ctypes.CDLL(None, use_errno=True)
    os.makedirs("new/old", exist_ok=True)
    tries = {
        "mount": lambda: c.mount(b"none", b"new", b"tmpfs", 0, None),
        "bind": lambda: c.mount(b"/", b"new", None, 0x1000, None),
        "remount": lambda: c.mount(None, b"/usr", None, REMOUNT_BIND, None),
        "proc": lambda: c.mount(b"proc", b"new", b"proc", 0, None),
        "umount": lambda: c.umount2(b"/tmp", DETACH),
        "pivot_root": lambda: c.syscall(PIVOT_ROOT, b"new", b"new/old"),
        "fsopen": lambda: -(c.syscall(FSOPEN, b"tmpfs", 0) < 0),
        "open_tree": lambda: -(c.syscall(OPEN_TREE, -100, b"/", TREE_CLONE) < 0),
        "chroot": lambda: c.chroot(b"new"),
    }
    done = [f"@mark@ got out: {name}" for name, attempt in tries.items() if attempt() == 0]
    raise RuntimeError(f"done {done}")
