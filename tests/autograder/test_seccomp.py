"""The filter as the kernel sees it: every call on the list is refused, and nothing else is."""

import errno
import os
import platform
import struct
import subprocess
import sys

import pytest

from autograder import seccomp

HERE = seccomp.ARCHITECTURES.get(platform.machine())
linux = pytest.mark.skipif(
    sys.platform != "linux" or HERE is None, reason="needs Linux on a processor with a table"
)
ALLOWED, KILLED = 0x7FFF0000, 0x80000000


def verdict(program: bytes, number: int, arguments=(), token: int = 0xC000003E) -> int:
    """Run the program as the kernel does: a second reading of seccomp(2), in a few lines."""
    lines = [struct.unpack("=HBBI", program[i : i + 8]) for i in range(0, len(program), 8)]
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("=IIQ6Q", number, token, 0, *padded)
    place = accumulator = 0
    while True:
        code, true, false, operand = lines[place]
        place += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, operand)
        elif code == 0x06:
            return operand
        else:
            holds = {
                0x15: accumulator == operand,
                0x35: accumulator >= operand,
                0x45: bool(accumulator & operand),
            }[code]
            place += true if holds else false


def refused_with(result: int) -> int:
    assert result & 0xFFFF0000 == 0x00050000
    return result & 0xFFFF


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("lone", [False, True])
def test_listed_calls_are_refused_and_no_others(machine, shared, lone):
    column, token = seccomp.ARCHITECTURES[machine]
    program = seccomp.program(shared, lone, machine)
    listed = {**seccomp.NUMBERS, **(seccomp.SHARED if shared else {})}
    listed |= seccomp.PROCESSES if lone else {}
    numbers = {pair[column] for pair in listed.values() if pair[column] >= 0}
    special = {group[column] for group in (seccomp.CLONE3, seccomp.CLONE)}
    for number in range(500):
        result = verdict(program, number, token=token)
        if number in numbers:
            assert refused_with(result) == errno.EPERM
        elif number == seccomp.CLONE3[column] or number >= seccomp.NEWER:
            assert refused_with(result) == errno.ENOSYS
        elif number not in special and number != seccomp.SOCKET[column]:
            assert result == ALLOWED, number


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
def test_arguments_decide_about_sockets_namespaces_and_terminals(machine):
    column, token = seccomp.ARCHITECTURES[machine]
    program = seccomp.program(shared=False, machine=machine)

    def result(call, *arguments):
        return verdict(program, call[column], arguments, token)

    for family in range(48):
        known = family in (1, 2, 10, 16)
        assert (result(seccomp.SOCKET, family) == ALLOWED) is known, family
        assert (result(seccomp.SOCKET, family, 3, 9) == ALLOWED) is (known and family != 16)
    for bit in range(32):
        opens = bool((1 << bit) & 0x7E020000)
        assert (result(seccomp.CLONE, (1 << bit) | 17) != ALLOWED) is opens, bit
    assert result(seccomp.PRLIMIT, 0, 7, 4096) == ALLOWED
    assert refused_with(result(seccomp.PRLIMIT, 4711)) == errno.EPERM
    for request in (0x5412, 0x541C, 0x5412 | 7 << 32):
        assert refused_with(result(seccomp.IOCTL, 0, request)) == errno.EPERM
    assert result(seccomp.IOCTL, 0x5412, 0x5401) == ALLOWED


def test_a_lone_process_may_start_threads_only():
    program = seccomp.program(shared=True, lone=True, machine="x86_64")
    clone = seccomp.CLONE[0]
    assert verdict(program, clone, [0x3D0F00]) == ALLOWED  # as pthread_create asks
    assert refused_with(verdict(program, clone, [17])) == errno.EPERM  # as fork asks


def test_other_processors_and_the_side_door_of_this_one_are_closed():
    program = seccomp.program(shared=False, machine="x86_64")
    assert verdict(program, 0, token=0x40000003) == KILLED  # 32-bit calls have other numbers
    assert refused_with(verdict(program, 0x40000000 | 101)) == errno.EPERM  # x32
    with pytest.raises(OSError, match="no filter of system calls for vax"):
        seccomp.program(shared=False, machine="vax")


@linux
def test_numbers_are_those_of_this_machine():
    """The C library's header of numbers, where it is installed, agrees with the table."""
    column, _ = HERE
    text = subprocess.run(
        ["cc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"],
        capture_output=True, text=True, timeout=20,
    ).stdout if os.path.exists("/usr/bin/cc") else ""  # fmt: skip
    if not text:
        pytest.skip("no C compiler to ask for the numbers")
    said = {
        words[1].removeprefix("__NR_"): words[2]
        for words in map(str.split, text.splitlines())
        if len(words) == 3 and words[1].startswith("__NR_") and words[2].isdigit()
    }
    ours = {**seccomp.NUMBERS, **seccomp.SHARED, **seccomp.PROCESSES, "clone": seccomp.CLONE}
    ours |= {"clone3": seccomp.CLONE3, "socket": seccomp.SOCKET, "ioctl": seccomp.IOCTL}
    ours |= {"prlimit64": seccomp.PRLIMIT}
    compared = {name: pair[column] for name, pair in ours.items() if name in said}
    assert compared == {name: int(said[name]) for name in compared}
    assert len(compared) > 40


@linux
@pytest.mark.multiprocess
def test_the_kernel_takes_the_program_and_obeys_it():
    script = f"""
import ctypes, os, socket
from autograder import confine
confine._kernel("prctl", 38, 1, 0, 0, 0)
confine._load_filter({seccomp.program(shared=True, lone=True)!r})
libc = ctypes.CDLL(None, use_errno=True)
assert libc.ptrace(0, 0, 0, 0) == -1 and ctypes.get_errno() == {errno.EPERM}
for attempt in (os.fork, os.setsid, socket.socket):
    try:
        attempt()
    except PermissionError:
        print("refused")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout.split()) == (0, ["refused"] * 3), done.stderr
