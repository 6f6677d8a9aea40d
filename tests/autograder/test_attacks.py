"""Every attack on the grader is held off, and would not be by a grader with fewer walls."""

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from autograder.attack import Outcome, Range, open_range
from autograder.cli import autograder_app
from autograder.lab import LabError, load_lab
from autograder.sample import ATTACKS, find_attacks
from autograder.tiers import TIERS, lacking

ALL = {attack.name: attack for attack in find_attacks()}
GOALS = {"forge", "steal", "exhaust", "outlive", "clock", "leave"}
BARS = ("points", "leaks", "harm", "survivors", "hangs")
PATIENCE = 20  # seconds for a grader that is about to be taken in


def without_walls(*kinds):
    """The attacks of which it is said that they achieve such a thing where nothing stops them."""
    return [name for name, attack in ALL.items() if achieves(attack) in kinds]


def achieves(attack):
    return attack.says("undefended").partition(":")[0]


@pytest.fixture(scope="module")
def place():
    if why := lacking("T2"):
        pytest.skip(f"no namespaces here: {why}")
    with open_range() as place:
        yield place


@pytest.mark.multiprocess
@pytest.mark.parametrize("name", ALL)
def test_an_attack_is_held_off(place, name):
    outcome = place.try_out(ALL[name])
    if outcome.missed is None:
        pytest.skip(f"{place.sandbox.tier} does not stop it: {ALL[name].says('fails')}")
    assert not any(outcome.missed.values()), outcome.missed


@pytest.mark.parametrize("name", ALL)
def test_an_attack_says_what_it_tries_and_why_it_must_fail(name):
    attack = ALL[name]
    first = [line for line in attack.text.splitlines() if "coding" not in line][:5]
    assert [line.partition(":")[0] for line in first] == [
        f"# {key}" for key in ("tries", "fails", "goal", "stopped from", "undefended")
    ]
    assert attack.says("goal") in GOALS and attack.says("stopped from") in TIERS
    kinds = {"points", "leak", "harm", "survivor", "hang", "untried", "elsewhere"}
    assert achieves(attack) in kinds


def test_there_are_attacks_of_every_kind_on_every_tier():
    assert {attack.says("goal") for attack in ALL.values()} == GOALS
    assert {attack.says("stopped from") for attack in ALL.values()} == set(TIERS)
    assert len(ALL) >= 60


@pytest.mark.multiprocess
def test_the_command_says_what_held_and_what_was_not_tried():
    done = CliRunner().invoke(autograder_app, ["attack", "--only", "equal_int", "--tier", "T0"])
    assert done.exit_code == 0, done.output
    assert "T0: 1 of 1 attacks held off" in done.stdout
    done = CliRunner().invoke(autograder_app, ["attack", "--only", "daemon", "--tier", "T0"])
    assert done.exit_code == 0 and "1 were not tried" in done.stdout


@pytest.mark.multiprocess
def test_the_command_fails_when_a_bar_is_missed(monkeypatch):
    missed = {**{bar: [] for bar in BARS}, "leaks": ["the key"], "harm": ["\x1b[2J"]}
    monkeypatch.setattr(Range, "try_out", lambda place, attack: Outcome(attack, missed))
    arguments = ["attack", "--only", "equal_int", "--tier", "T0"]
    done = CliRunner().invoke(autograder_app, arguments)
    assert done.exit_code == 1
    assert "equal_int leaks: the key" in done.stdout and "\x1b" not in done.stdout
    done = CliRunner().invoke(autograder_app, [*arguments, "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout)["attacks"][0]["missed"]["leaks"] == ["the key"]


def test_an_attack_that_is_not_there_is_an_error():
    done = CliRunner().invoke(autograder_app, ["attack", "--only", "magic"])
    assert isinstance(done.exception, LabError) and "magic" in str(done.exception)


def undefended(name, folder, seconds):
    """What a grader in the same process would print last; None when it never comes to that."""
    target = ATTACKS / "target"
    source, program = folder / "target.py", target / "undefended.py"
    source.write_text(ALL[name].answer(load_lab(target)), encoding="utf-8")
    try:
        command = [sys.executable, str(program), str(target), str(source)]
        done = subprocess.run(command, capture_output=True, cwd=folder, timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return json.loads(lines[-1])["score"] if lines else 0


@pytest.mark.multiprocess
@pytest.mark.parametrize("name", without_walls("points"))
def test_in_one_process_with_the_checks_it_would_gain_points(name, tmp_path):
    assert undefended(name, tmp_path, PATIENCE) > 0


@pytest.mark.multiprocess
def test_a_wrong_answer_that_attacks_nothing_gains_none_even_there(tmp_path):
    assert undefended("swallows_everything", tmp_path, PATIENCE) == 0


@pytest.mark.soak
@pytest.mark.multiprocess
@pytest.mark.parametrize("name", without_walls("hang"))
def test_in_one_process_with_the_checks_it_would_never_end(name, tmp_path):
    assert undefended(name, tmp_path, 5) is None


def sweep(mark):
    """Remove what an attack left outside of its sandbox."""
    for place in ("/tmp", "/var/tmp", "/run/lock", "/home", "/var/lib", "/run/user/0", "/dev/shm"):
        Path(place, mark).unlink(missing_ok=True)
    c, key = ctypes.CDLL(None), int(mark[-7:], 16)
    c.mq_unlink(f"/{mark}".encode())
    c.shmctl(c.shmget(key, 4096, 0), 0, None)
    c.msgctl(c.msgget(key, 0), 0, None)
    c.semctl(c.semget(key, 1, 0), 0, 0, 0)


@pytest.mark.soak
@pytest.mark.multiprocess
@pytest.mark.parametrize("name", without_walls("leak", "harm", "survivor"))
def test_without_walls_it_would_succeed_and_be_noticed(name):
    """On tier T0, in a sandbox of its own, for what it leaves there."""
    if lacking("T1") or os.getuid() != 0:
        pytest.skip("it needs Linux, and a grader that is root")
    with open_range("T0") as place:
        missed = place.try_out(ALL[name], anyway=True).missed
        sweep(place.mark)
    kind = {"leak": "leaks", "harm": "harm", "survivor": "survivors"}[achieves(ALL[name])]
    assert missed[kind], missed
