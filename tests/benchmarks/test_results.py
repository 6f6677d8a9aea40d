"""What the performance page is drawn from: the last committed run of every race."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NAMES = sorted(path.stem for path in BENCHMARKS.glob("bench_*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_result_covers_every_case_and_judges_by_its_own_numbers(name):
    race = importlib.import_module(name).RACE
    document = json.loads(race.result.read_text(encoding="utf-8"))
    raced = {(row["case"], row["peer"]) for row in document["rows"]}
    skipped = {(entry["case"], entry["peer"]) for entry in document["skipped"]}
    wanted = {(heat.case.case, peer) for heat in race.heats for peer in heat.targets}
    assert raced | skipped == wanted
    no_packages = {one.peer for one in race.entrants if one.path}
    assert {peer for _, peer in skipped} <= no_packages, "packages are installed for a full run"
    for row in document["rows"]:
        assert row["ratio_low"] <= row["ratio"] <= row["ratio_high"]
        expected = None if row["target"] is None else row["ratio"] >= row["target"]
        assert row["holds"] is expected


def test_there_are_races():
    assert len(NAMES) >= 3
