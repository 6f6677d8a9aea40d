"""A student's server on the grader's clock and network."""

import shutil
import textwrap

import pytest

from autograder.lab import load_lab
from autograder.sandbox import Sandbox
from autograder.streams import StudentServer
from autograder.student import Student, StudentError
from mlsys.foundations.simulation.events import Simulator

pytestmark = pytest.mark.multiprocess

LAB = """
title = "Servers"
chapter = "serving/server"
file = "program.py"
imports = ["mlsys", "asyncio"]

[limits]
wall = 2.0

[[tasks]]
name = "echo"
title = "An echo"
extend = ["echo"]
"""
PROBES = """
from autograder.listening import listen


def serve(talk, student, name):
    listen(talk, getattr(student, name))
"""
PROGRAM = '''
import asyncio


def echo(network):
    """Every line comes back, a second later."""

    async def answer(reader, writer):
        while line := await reader.readline():
            await asyncio.sleep(1.0)
            writer.write(line)
            await writer.drain()
        writer.close()

    return answer


def hedge(network):
    """Ask a; if it has said nothing after 0.1 s, ask b as well. The first answer counts."""

    async def ask(name, line):
        reader, writer = await network.connect(name)
        writer.write(line)
        answer = await reader.readline()
        writer.close()
        return answer

    async def answer(reader, writer):
        line = await reader.readline()
        first = asyncio.create_task(ask("a", line))
        done, _ = await asyncio.wait([first], timeout=0.1)
        tasks = {first} if done else {first, asyncio.create_task(ask("b", line))}
        done, late = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in late:
            task.cancel()
        writer.write(done.pop().result())
        writer.close()

    return answer


def raises(network):
    async def answer(reader, writer):
        raise RuntimeError("no")

    return answer


def spins(network):
    async def answer(reader, writer):
        while True:
            await asyncio.sleep(1e-6)

    return answer


def blocks(network):
    async def answer(reader, writer):
        while True:
            pass

    return answer


def nowhere(network):
    async def answer(reader, writer):
        await network.connect("c")

    return answer


def exits(network):
    raise SystemExit(0)
'''


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory, root):
    folder = tmp_path_factory.mktemp("servers") / "labs" / "servers"
    folder.mkdir(parents=True)
    shutil.copytree(root / "mlsys", folder.parent.parent / "mlsys")
    (folder.parent.parent / "book").mkdir()
    catalogue = (root / "book" / "chapters.toml").read_text(encoding="utf-8")
    (folder.parent.parent / "book" / "chapters.toml").write_text(catalogue, encoding="utf-8")
    for name, text in {"lab.toml": LAB, "probes.py": PROBES}.items():
        (folder / name).write_text(textwrap.dedent(text), encoding="utf-8")
    with Sandbox(load_lab(folder)) as sandbox:
        yield sandbox


@pytest.fixture
def server(sandbox):
    students = []

    def start(name, **world):
        students.append(Student({"program.py": PROGRAM.encode()}, sandbox))
        simulator = Simulator()
        return StudentServer(students[-1], name, simulator=simulator, **world), simulator

    yield start
    for student in students:
        student.close()


def test_lines_come_back_when_they_should(server):
    heard = []
    one, simulator = server("echo")

    def user(number):
        connection = one.open(lambda data: heard.append((simulator.now, number, data)))
        connection.send(b"line %d\n" % number)
        connection.end()

    for number in range(5):
        simulator.at(0.25 * number, user, number)
    one.run()
    answers = [(1 + 0.25 * n, n, b"line %d\n" % n) for n in range(5)]
    assert [each for each in heard if each[2]] == answers
    assert sorted(each[1] for each in heard if not each[2]) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("slow", "expected", "asked"), [(0.05, 0.05, "a"), (5.0, 0.12, "ab")])
def test_it_may_ask_back_ends(server, slow, expected, asked):
    names, heard = [], []

    def backend(name, connection):
        names.append(name)
        delay = slow if name == "a" else 0.02
        connection.hears = lambda data: (
            data and simulator.after(delay, connection.send, name.encode() + b":" + data)
        )

    one, simulator = server("hedge", backend=backend)
    simulator.at(0.0, lambda: one.open(lambda d: heard.append((simulator.now, d))).send(b"hi\n"))
    one.run(until=10.0)
    assert "".join(names) == asked
    assert heard[0][1] == asked[-1].encode() + b":hi\n"
    assert heard[0][0] == pytest.approx(expected)


def test_a_handler_that_raises_leaves_the_server_alive(server):
    one, simulator = server("raises")
    heard = []
    simulator.at(0.0, lambda: one.open(heard.append))
    one.run(until=2.0)
    assert heard in ([], [b""])


@pytest.mark.parametrize(
    ("name", "reason"),
    [("spins", "output_limit"), ("blocks", "timeout"), ("nowhere", "not_plain")],
)
def test_a_server_that_misbehaves_costs_its_own_marks(server, name, reason):
    one, simulator = server(name)
    simulator.at(0.0, lambda: one.open(lambda data: None))
    with pytest.raises(StudentError) as error:
        one.run(until=1e9)
    assert error.value.reason == reason


def test_a_server_that_exits_is_no_server(server):
    one, _ = server("exits")
    with pytest.raises(StudentError):
        one.run()
