# tries: to attach to other processes as a debugger does: to stop them, to change what they do
# fails: ptrace is refused whatever it is asked for, even among its own processes
# goal: leave
# stopped from: T1
# undefended: untried: everything that the traced process may do
import ctypes
import os
import signal
import time

SEIZE, ATTACH, DETACH, INTERRUPT = 0x4206, 16, 17, 0x4207
CONFINED = ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) == 2  # a filter of system calls


def attack(*arguments, **keywords):
    if not CONFINED:
        raise RuntimeError("no sandbox here: this would do harm")
    c, traced, child = ctypes.CDLL(None, use_errno=True), [], os.fork()
    if not child:
        time.sleep(2.0)
        os._exit(0)
    for name, process in (("its parent", os.getppid() or 1), ("its child", child)):
        for request in (SEIZE, ATTACH):
            if process != os.getpid() and c.ptrace(request, process, 0, 0) == 0:
                traced.append(f"@mark@ got out: traces {name}")
                c.ptrace(INTERRUPT, process, 0, 0)
    os.kill(child, signal.SIGKILL)
    raise RuntimeError(f"traced {traced}")
