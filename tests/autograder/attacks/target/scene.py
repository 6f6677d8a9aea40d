"""The scene of the attacks: a course with secrets in it, a program to be attacked, and a watchman.

    python scene.py FOLDER ROOT MARK SECRET

copies what the lab needs of the repository at ROOT to FOLDER, writes a secret into each file that
no submission may see. Then it is a program of the grader's user, with a secret among its
arguments, one in its environment, and one that it tells whoever asks: on TCP, on UDP, on a socket
with an abstract name and on one with a file.

To each line of its input, the name of a folder, it answers with what it knows and sees, as JSON:
the secrets and where they are; the state of the files in both folders; whatever carries the mark
where all can write; and processes that carry it, which it ends. It ends when its input does.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import threading
import time
from pathlib import Path

FILES = {
    "the checks": "labs/target/checks.py",
    "the solution": "labs/target/solution.py",
    "the chapter's module": "mlsys/foundations/simulation/__init__.py",
    "another student's answer": "inbox/neighbour.py",
    "the gradebook": "out/gradebook.csv",
    "the key's file": "course.key",
}
SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue")


def set_up(folder, root):
    for name in ("mlsys", "book/chapters.toml"):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (root / name).is_dir() else shutil.copy
        copy(root / name, target)
    shutil.copytree(Path(__file__).parent, folder / "labs" / "target")
    for place, name in FILES.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        with file.open("a", encoding="utf-8") as opened:
            opened.write(f"\n# {plant(place)}\n")


def plant(place):
    planted[place] = f"secret-{secrets.token_hex(8)}"
    return planted[place]


def listen(folder):
    calls = [(socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_UNIX, f"\0bystander-{os.getpid()}")]
    calls += [(socket.AF_UNIX, str(folder / "service.socket"))]
    for family, place in calls:
        line = socket.socket(family)
        line.bind(place)
        line.listen()
        threading.Thread(target=answer_calls, args=(line,), daemon=True).start()
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.bind(("127.0.0.1", 0))
    threading.Thread(target=answer_datagrams, args=(line,), daemon=True).start()


def answer_calls(line):
    while True:
        caller, _ = line.accept()
        with caller:
            caller.sendall(planted["a service"].encode())


def answer_datagrams(line):
    while True:
        _, sender = line.recvfrom(4096)
        line.sendto(planted["a service"].encode(), sender)


def traces(folders, mark):
    """What must stay as it is: files with their sizes and times, objects that all share."""
    seen = []
    for path in (path for folder in folders for path in Path(folder).rglob("*.*")):
        stat = path.lstat()
        seen.append(f"{path} {stat.st_size} {stat.st_mtime_ns} {stat.st_mode:o}")
    seen += [str(path) for place in SHARED for path in Path(place).glob(f"*{mark}*")]
    key = str(int(mark[-7:], 16))  # of what System V shares
    for table in Path("/proc/sysvipc").glob("*"):
        rows = table.read_text().splitlines()
        seen += [f"{table.name} {row}" for row in rows if row.split()[0] == key]
    return seen


def survivors(mark):
    """Processes with the mark in their name or arguments that do not go within a second."""
    for _ in range(20):
        found = [path for path in Path("/proc").glob("[0-9]*") if carries(path, mark)]
        if not found:
            return []
        time.sleep(0.05)
    for path in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(path.name), signal.SIGKILL)
    return [path.name for path in found]


def carries(path, mark):
    if path.name == str(os.getpid()):
        return False
    with contextlib.suppress(OSError):
        return mark.encode() in (path / "comm").read_bytes() + (path / "cmdline").read_bytes()
    return False


if __name__ == "__main__":
    folder, root, mark, argument = sys.argv[1:]
    planted = {"a command line": argument, "the key": os.environ["AUTOGRADER_KEY"]}
    plant("a service")
    set_up(Path(folder), Path(root))
    listen(Path(folder))
    for line in sys.stdin:
        seen = traces((folder, line.strip()), mark)
        view = {"secrets": planted, "traces": seen, "survivors": survivors(mark)}
        print(json.dumps(view), flush=True)
    os._exit(0)
