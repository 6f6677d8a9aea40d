"""What a child can see and do behind each wall, asked from inside."""

import errno
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from autograder import tiers
from autograder.grade import Grader
from autograder.lab import PACKAGE_ROOT
from autograder.process import MIB
from autograder.sandbox import Sandbox
from autograder.starter import answer_files, starter_files
from autograder.student import Student, StudentError
from autograder.submission import Submission
from autograder.tiers import APART, TIERS, lacking

pytestmark = [
    pytest.mark.multiprocess,
    pytest.mark.skipif(sys.platform != "linux", reason="walls are built of Linux"),
]
WALLED = TIERS[:3]

INSIDE = """
import ctypes
import os
import resource
import socket
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)


def outcome(action, *arguments):
    try:
        return ["done", repr(action(*arguments))]
    except BaseException as error:
        return [type(error).__name__, str(error)]


def write(path):
    return outcome(lambda: open(path, "w").write("x"))


def read(path):
    return outcome(lambda: open(path).read(100))


def listing(path):
    return outcome(os.listdir, path)


def descriptors():
    kinds = []
    for number in range(256):
        try:
            os.fstat(number)
            kinds.append(number)
        except OSError:
            pass
    return kinds


def connect(family, address):
    address = tuple(address) if isinstance(address, list) else address

    def attempt():
        with socket.socket(family, socket.SOCK_STREAM) as one:
            one.settimeout(2)
            one.connect(address)

    return outcome(attempt)


def loopback():
    def attempt():
        with socket.socket() as server, socket.socket() as client:
            server.bind(("127.0.0.1", 0))
            server.listen()
            client.connect(server.getsockname())

    return outcome(attempt)


def new_socket(family):
    return outcome(socket.socket, family)


def forks(most):
    for count in range(most):
        try:
            if os.fork() == 0:
                time.sleep(5)
                os._exit(0)
        except OSError:
            return count
    return most


def threads(most):
    for count in range(most):
        try:
            threading.Thread(target=time.sleep, args=(2,), daemon=True).start()
        except RuntimeError:
            return count
    return most


def fill(folder, mebibytes):
    written = 0
    try:
        for number in range(mebibytes):
            with open(f"{folder}/{number}", "wb") as file:
                written += file.write(bytes(2**20))
    except OSError as error:
        return [written, error.errno]
    return [written, 0]


def one_file(mebibytes):
    def attempt():
        with open("large", "wb") as file:
            for _ in range(mebibytes):
                file.write(bytes(2**20))

    return outcome(attempt)


def hold_in_many(processes, mebibytes):
    import mmap

    for _ in range(processes):
        if os.fork() == 0:
            held = bytearray(mebibytes << 20)
            held[::4096] = bytes([1]) * len(held[::4096])
            time.sleep(3)
            os._exit(0)
    time.sleep(2)
    return "all held"


def signal_to(pid):
    return outcome(os.kill, pid, 0)


def call(name, *arguments):
    result = getattr(libc, name)(*arguments)
    return ctypes.get_errno() if result < 0 else 0


def identity():
    return [os.getpid(), os.getuid(), list(os.getgroups())]


def environment():
    return dict(os.environ)


def capabilities():
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    libc.capget(head, data)
    return [int(one) for one in data] + [libc.prctl(39, 0, 0, 0, 0)]
"""


@pytest.fixture(scope="module", params=WALLED)
def sandbox(request, shared_lab):
    if why := lacking(request.param):
        pytest.skip(f"{request.param}: {why}")
    with Sandbox(shared_lab, request.param) as sandbox:
        yield sandbox


@pytest.fixture
def inside(sandbox):
    """Ask the child: its tier is ``inside.tier``."""
    student = Student({"sums.py": INSIDE.encode()}, sandbox)
    student.tier = sandbox.tier
    yield student
    student.close()


@pytest.fixture
def apart(inside):
    if inside.tier not in APART:
        pytest.skip("needs namespaces")
    return inside


REFUSED = ("PermissionError", "FileNotFoundError", "OSError")


def test_nothing_of_this_machine_can_be_read(inside, shared_lab):
    for path in (__file__, shared_lab.folder / "checks.py", "/etc/passwd", "/proc/1/environ"):
        assert inside.call("read", str(path))[0] in REFUSED, path
    for folder in (shared_lab.folder, os.path.dirname(__file__), "/home", "/etc"):
        assert inside.call("listing", str(folder))[0] in REFUSED, folder


def test_nothing_can_be_written_but_in_the_box(inside, sandbox):
    for folder in ("/", "/usr", "/dev", "/stage", str(sandbox.stage), sys.base_prefix):
        assert inside.call("write", f"{folder}/mark")[0] in REFUSED, folder
    assert inside.call("write", "mark")[0] == "done"


def test_what_one_child_writes_no_other_finds(sandbox):
    folders = [".", "/tmp", "/dev/shm", "/var/tmp", "/run/lock"]
    first, second = (Student({"sums.py": INSIDE.encode()}, sandbox) for _ in range(2))
    written = [f for f in folders if first.call("write", f"{f}/mark")[0] == "done"]
    assert "." in written
    for folder in written:
        assert second.call("read", f"{folder}/mark")[0] == "FileNotFoundError"
    first.close(), second.close()


def test_the_environment_and_the_descriptors_are_its_own(inside, monkeypatch):
    monkeypatch.setenv("AUTOGRADER_KEY", "secret")
    assert not {"AUTOGRADER_KEY", "USER", "SSH_AUTH_SOCK", "PWD"} & set(inside.call("environment"))
    assert inside.call("descriptors") == [0, 1, 2, 3, 4]  # three streams, frames in, frames out


def test_root_is_left_behind(inside):
    pid, user, groups = inside.call("identity")
    assert groups == [] and (inside.tier == "T1" or (pid == 1 and user != 0))
    *sets, no_new_privileges = inside.call("capabilities")
    assert sets == [0] * 6 and no_new_privileges == 1


def test_no_connection_leaves(inside):
    with socket.socket() as server, socket.socket(socket.AF_UNIX) as local:
        server.bind(("127.0.0.1", 0))
        server.listen()
        local.bind("\0mlsys-test-of-walls")
        local.listen()
        heard = threading.Event()
        assert inside.call("connect", socket.AF_INET, list(server.getsockname()))[0] != "done"
        assert inside.call("connect", socket.AF_INET, ["192.0.2.1", 53])[0] != "done"
        assert inside.call("connect", socket.AF_UNIX, "\0mlsys-test-of-walls")[0] != "done"
        assert not heard.is_set()


def test_namespaces_have_a_loopback_of_their_own(apart):
    assert apart.call("loopback")[0] == "done"


@pytest.mark.parametrize("family", ["AF_PACKET", "AF_VSOCK", "AF_ALG"])
def test_rare_families_of_sockets_are_closed(inside, family):
    if hasattr(socket, family):
        assert inside.call("new_socket", int(getattr(socket, family)))[0] == "PermissionError"


def test_no_signal_reaches_the_grader(inside):
    assert inside.call("signal_to", os.getpid())[0] in ("PermissionError", "ProcessLookupError")


def test_processes_are_counted(inside, shared_lab):
    most = shared_lab.limits.processes
    assert inside.call("forks", 4 * most) <= most


def test_threads_are_counted(apart, shared_lab):
    most = shared_lab.limits.processes
    assert apart.call("threads", 4 * most) <= most


def test_files_have_a_size_and_a_sum(apart, shared_lab):
    limits = shared_lab.limits
    assert apart.call("one_file", limits.disk)[1].startswith(f"[Errno {errno.EFBIG}]")
    for folder in (".", "/dev/shm"):
        written, code = apart.call("fill", folder, 2 * limits.disk)
        assert code == errno.ENOSPC and written <= limits.disk * MIB


def test_memory_of_many_processes_is_summed_in_a_control_group(shared_lab):
    if why := lacking("T3"):
        pytest.skip(f"T3: {why}")
    with Sandbox(shared_lab, "T3") as sandbox:
        student = Student({"sums.py": INSIDE.encode()}, sandbox)
        with pytest.raises(StudentError) as caught:
            student.call("hold_in_many", 8, shared_lab.limits.memory // 4)
        student.close()
        assert caught.value.reason in ("memory", "timeout")


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("unshare", [0x10000000]),
        ("setns", [0, 0]),
        ("mount", [None, b"/box", b"tmpfs", 0, None]),
        ("umount2", [b"/proc", 2]),
        ("chroot", [b"."]),
        ("ptrace", [16, 1, 0, 0]),
        ("reboot", [0]),
        ("personality", [0xFFFFFFFF]),
    ],
)
def test_calls_that_have_led_out_of_sandboxes_are_refused(inside, name, arguments):
    assert inside.call("call", name, *arguments) == errno.EPERM


def test_a_tier_that_cannot_be_had_is_an_error_and_never_a_lower_one(shared_lab, monkeypatch):
    from autograder.sandbox import SandboxError

    monkeypatch.setattr(tiers.shutil, "which", lambda name: None)
    with pytest.raises(SandboxError, match="T2: bubblewrap is not installed"):
        Sandbox(shared_lab, "T2")
    with Sandbox(shared_lab) as sandbox:
        assert sandbox.tier in ("T1", "T0") and "bubblewrap" in sandbox.shortcomings["T2"]


def test_a_child_whose_walls_fail_runs_no_code(shared_lab, monkeypatch):
    """The filter is damaged, so the kernel refuses it: the child must not go on without."""
    from autograder.sandbox import SandboxError

    if lacking("T2"):
        pytest.skip("needs namespaces")
    whole = tiers.walls
    monkeypatch.setattr(tiers, "walls", lambda *a: {**whole(*a), "filter": b"\xff" * 8})
    with Sandbox(shared_lab, "T2") as sandbox:
        student = Student({"sums.py": b"print('ran')"}, sandbox)
        with pytest.raises(SandboxError, match="prctl"):
            student.load()
        assert "ran" not in "".join(student.printed())
        student.close()


def test_verdicts_do_not_depend_on_the_walls(sandbox, shared_lab):
    """The full answer imports an earlier module and packages, and finds them all."""
    grader = Grader(shared_lab, sandbox, b"key")
    for answer, score in ((answer_files(shared_lab), 100), (starter_files(shared_lab), 0)):
        result = grader.grade(Submission("Ada", answer))
        assert (result.score, result.problem, result.tier) == (score, None, sandbox.tier)


ASKS_WHO = """
import os

def who():
    return os.getuid()
"""


def test_an_ordinary_user_can_wall_submissions_off_too(shared_lab):
    """The other tests may run as root, as they do in containers; this one never does."""
    if os.getuid() != 0:
        pytest.skip("the other tests already run as an ordinary user")
    needed = [sys.base_prefix, str(PACKAGE_ROOT)]
    if closed := [folder for folder in needed if not tiers.for_everybody(folder)]:
        pytest.skip(f"an ordinary user cannot read {', '.join(closed)}")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        course = shutil.copytree(shared_lab.root, Path(folder, "course"))
        for path in (course, *course.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        script = f"""
import sys
sys.path[:0] = {[path for path in sys.path if path]!r}
from autograder.lab import load_lab
from autograder.sandbox import Sandbox
from autograder.student import Student
with Sandbox(load_lab("{course}/labs/sums")) as sandbox:
    student = Student({{"sums.py": {ASKS_WHO.encode()!r}}}, sandbox)
    print(sandbox.tier, student.call("who"))
    student.close()
"""
        done = subprocess.run(
            [os.path.realpath(sys.executable), "-c", script],
            env={**os.environ, "TMPDIR": "/tmp", "HOME": "/tmp", "OPENBLAS_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=40,
            user=65_533,
            group=65_533,
            extra_groups=[],
        )
    assert done.returncode == 0, done.stderr
    tier, user = done.stdout.split()
    assert tier in ("T3", "T2", "T1") and int(user) != 0
