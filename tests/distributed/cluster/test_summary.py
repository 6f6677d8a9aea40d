"""A run as a table: every rank's numbers, and no more lines than a screen has."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mlsys.distributed.cluster import Faults, Run, SimulatedCluster
from mlsys.distributed.cluster.examples import hello
from mlsys.distributed.cluster.summary import COLUMNS, ROWS, seconds, table


def shown(run: Run) -> list[str]:
    text = StringIO()
    Console(file=text, width=100).print(table(run))
    return [line.strip() for line in text.getvalue().splitlines() if line.strip(" ─")]


def test_each_rank_has_a_line_and_all_have_one() -> None:
    run = SimulatedCluster(3).run(hello)
    title, head, *rows, total = shown(run)
    assert title.startswith("3 ranks · ") and title.endswith(" · 1 round")
    assert head.split() == ["rank", *COLUMNS, "returned"]
    each = int(run.traffic.sent_bytes[0]) if run.traffic else 0
    assert [row.split()[:5] for row in rows] == [
        [str(rank), "1", str(each), "1", str(each)] for rank in range(3)
    ]
    assert rows[1].endswith("'rank 1 heard rank 0'")
    assert total.split()[:5] == ["all", "3", str(3 * each), "3", str(3 * each)]


def test_of_many_ranks_the_first_are_shown_and_all_are_counted() -> None:
    lines = shown(SimulatedCluster(100).run(hello))
    assert [line.split()[0] for line in lines[2:-1]] == [str(rank) for rank in range(ROWS)]
    assert lines[-1].split()[:2] == ["all", "100"]
    assert lines[-1].endswith("(84 more ranks)")


def test_who_has_died_is_said() -> None:
    run = SimulatedCluster(2, faults=Faults(crash={1: 0.5})).run(
        lambda comm: comm.compute(1.0) or 7 / 3
    )
    title, _, first, second, _ = shown(run)
    assert title.endswith("dead: 1")
    assert first.endswith("2.33333")
    assert second.endswith("(dead)")


def test_where_nobody_counts_only_values_are_shown() -> None:
    _, head, row = shown(Run(["x" * 99], 1.0))
    assert head.split() == ["rank", "returned"]
    assert row.endswith("xxx…")


@given(st.floats(1e-9, 1e6))
def test_a_time_is_read_back(value: float) -> None:
    number, unit = seconds(value).split()
    factor = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}[unit]
    assert float(number) * factor == pytest.approx(value, rel=1e-3)
