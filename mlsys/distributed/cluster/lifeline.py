"""No orphans: a process that ends when the one that started it is gone, however that happened.

A parent that is killed with signal 9 cannot clean up, so the kernel must: on Linux a process may
ask for a signal at the death of its parent (prctl(2), PR_SET_PDEATHSIG). The signal counts from the
*thread* that started the process, so start it from one that lives as long. Run as a program,
``python lifeline.py PARENT COMMAND...`` becomes COMMAND, which gets SIGTERM when PARENT dies.
On other systems nothing is asked, and the time limit of whoever waits has to do.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PARENT_DEATH_SIGNAL = 1  # prctl's PR_SET_PDEATHSIG


def die_with_parent(parent: int | None = None, by: int = signal.SIGKILL) -> None:
    """Ask the kernel to send ``by`` to this process when its parent ends.

    parent: the parent's process number, if known: had it died before the question was asked, no
        signal would ever come, so this process ends at once.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(PARENT_DEATH_SIGNAL, int(by), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl: the kernel refused a parent-death signal")
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def tied(command: list[str]) -> list[str]:
    """The command line that starts ``command`` as a child that gets SIGTERM when we die."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]), signal.SIGTERM)
    os.execv(sys.argv[2], sys.argv[2:])
