"""What the page of reproductions says is what the command prints, and the shapes have a margin."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlsys.distributed.parameter_server import staleness
from mlsys.distributed.parameter_server.claims import CLAIMS, Line
from mlsys.distributed.parameter_server.staleness import Outcome

COMMAND = "python -m mlsys.distributed.parameter_server.claims"


class Ran:
    """Each claim runs once; what its experiment on staleness has returned is kept."""

    def __init__(self) -> None:
        self.outcomes: dict[str, list[Outcome]] = {}
        self._lines: dict[str, list[Line]] = {}

    def keep(self, experiment: Callable[..., list[Outcome]]) -> Callable[..., list[Outcome]]:
        def kept(*arguments: Any) -> list[Outcome]:
            self.outcomes[experiment.__name__] = found = experiment(*arguments)
            return found

        return kept

    def lines(self, name: str) -> list[Line]:
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
    """Of the page: those that name this command, by the claim that it is to run."""
    text = (root / "book" / "distributed" / "claims.toml").read_text(encoding="utf-8")
    mine = [row for row in tomllib.loads(text)["claims"] if row["command"].startswith(COMMAND)]
    assert all(row["command"] == f"{COMMAND} {row['id']}" for row in mine)
    return {row["id"]: row for row in mine}


def numbers(text: str) -> list[float]:
    return [float(found.replace(",", "")) for found in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


@pytest.mark.parametrize("name", CLAIMS)
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
    ("name", "code", "words"),
    [("consistent-hashing", 0, "points of a server: 64"), ("eternal-life", 2, "'hot-keys'")],
)
def test_the_command(name: str, code: int, words: str) -> None:
    command = [sys.executable, *COMMAND.split()[1:], name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert done.returncode == code
    assert words in " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert "Traceback" not in done.stderr
