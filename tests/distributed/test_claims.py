"""What the page of reproductions says is what the command prints, and the shapes have a margin."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mlsys.distributed.hogwild import claims as of_hogwild
from mlsys.distributed.parameter_server import claims as of_servers
from mlsys.distributed.parameter_server import staleness
from mlsys.distributed.parameter_server.staleness import Outcome

MODULES = (of_servers, of_hogwild)
CLAIMS = {name: claim for module in MODULES for name, claim in module.CLAIMS.items()}
TIMED = {"hogwild-threads"}  # another number each time


class Ran:
    """Each claim runs once; what its experiment on staleness has returned is kept."""

    def __init__(self) -> None:
        self.outcomes: dict[str, list[Outcome]] = {}
        self._lines: dict[str, list[tuple[str, str, str]]] = {}

    def keep(self, experiment: Callable[..., list[Outcome]]) -> Callable[..., list[Outcome]]:
        def kept(*arguments: Any) -> list[Outcome]:
            self.outcomes[experiment.__name__] = found = experiment(*arguments)
            return found

        return kept

    def lines(self, name: str) -> list[tuple[str, str, str]]:
        if name not in self._lines:
            self._lines[name] = CLAIMS[name]()
        return self._lines[name]


@pytest.fixture(scope="module")
def ran() -> Iterator[Ran]:
    found = Ran()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("bounded_delay", "stragglers"):
            patch.setattr(staleness, name, found.keep(getattr(staleness, name)))
        yield found


def rows(root: Path) -> dict[str, dict[str, str]]:
    """Of the page: those that name one of these commands, by the claim that it is to run."""
    text = (root / "book" / "distributed" / "claims.toml").read_text(encoding="utf-8")
    found = {}
    for row in tomllib.loads(text)["claims"]:
        for module in MODULES:
            if row["command"].startswith(f"python -m {module.__name__}"):
                assert row["command"] == f"python -m {module.__name__} {row['id']}"
                found[row["id"]] = row
    return found


def numbers(text: str) -> list[float]:
    return [float(found.replace(",", "")) for found in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


@pytest.mark.parametrize("name", [name for name in CLAIMS if name not in TIMED])
def test_each_number_on_the_page_is_printed(ran: Ran, root: Path, name: str) -> None:
    """To 5 %, for some depend on the release of a library."""
    printed = numbers(f"{CLAIMS[name].__doc__} {ran.lines(name)}")
    said = numbers(rows(root)[name]["shows"])
    assert said
    assert [
        each for each in said if each not in [pytest.approx(p, rel=0.05) for p in printed]
    ] == []


def test_no_row_names_a_claim_that_is_not_there(root: Path) -> None:
    assert rows(root).keys() == CLAIMS.keys()


def test_bounded_delay_is_fastest_between_waiting_for_all_and_for_nobody(ran: Ran) -> None:
    ran.lines("bounded-delay-sweet-spot")
    none, *_, four, eight, sixteen = found = ran.outcomes["bounded_delay"]
    waiting = [each.waiting for each in found]
    assert waiting == sorted(waiting, reverse=True)
    assert none.waiting > 0.4 > 0.15 > sixteen.waiting
    assert max(four.seconds, eight.seconds) < 0.7 * none.seconds
    assert max(four.seconds, eight.seconds) < 0.9 * sixteen.seconds
    assert sixteen.updates > 1.3 * none.updates > 0.9 * 1.3 * eight.updates


def test_a_slack_beats_none_in_seconds_and_all_of_it_in_updates(ran: Ran) -> None:
    """In seconds it does not beat waiting for nobody: that is said on the page."""
    ran.lines("ssp-beats-both")
    bulk, bounded, free = ran.outcomes["stragglers"]
    assert bounded.seconds < 0.7 * bulk.seconds
    assert bulk.updates < bounded.updates < 0.8 * free.updates
    assert free.seconds < 0.7 * bulk.seconds
    assert free.waiting < 0.05 < bounded.waiting < bulk.waiting
    assert bulk.loss < bounded.loss < free.loss


@pytest.mark.multiprocess
@pytest.mark.parametrize(
    ("module", "name", "code", "words"),
    [
        (of_servers, "consistent-hashing", 0, "points of a server: 64"),
        (of_hogwild, "hogwild-sparse", 0, "16 workers"),
        (of_servers, "eternal-life", 2, "'hot-keys'"),
    ],
)
def test_the_command(module: ModuleType, name: str, code: int, words: str) -> None:
    command = [sys.executable, "-m", module.__name__, name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert done.returncode == code
    assert words in " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert "Traceback" not in done.stderr


@pytest.mark.multiprocess
def test_threads_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which numbers come out is no test's business."""
    pytest.importorskip("numba")
    monkeypatch.setattr(of_hogwild, "STEPS", 1_000)
    lines = of_hogwild.threads()
    assert [len(numbers(here)) for _, _, here in lines] == [3] * len(lines)


@pytest.mark.multiprocess
def test_a_package_that_is_missing_is_named() -> None:
    code = "import sys; sys.modules['numba'] = None; sys.argv[1:] = ['hogwild-threads']; "
    code += "from mlsys.distributed.hogwild.claims import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert done.returncode == 1
    assert "pip install 'mlsys[numba]'" in done.stderr and "Traceback" not in done.stderr
