"""The performance page says what the benchmark's file says, and what is missing in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import performance
import pytest


def row(title: str, peer: str, ratio: float, target: float | None) -> dict[str, Any]:
    return {
        "case": title.replace(" ", "-"), "group": title.split()[0], "title": title,
        "unit": "step", "peer": peer.lower(), "peer_title": peer, "peer_version": "1.0",
        "ours_seconds": 2e-6, "peer_seconds": 2e-6 * ratio, "ratio": ratio,
        "ratio_low": ratio * 0.9, "ratio_high": ratio * 1.1, "spread": "a 95% interval",
        "rounds": 15, "target": target, "holds": None if target is None else ratio >= target,
        "check": "equal",
    }  # fmt: skip


REPORT: dict[str, Any] = {
    "schema": 1, "chapter": "autodiff", "command": "python benchmarks/bench_autodiff.py",
    "machine": {
        "date": "2026-11-23T16:02:11+00:00", "cpu": "A processor", "cores": 2, "memory_gib": 23.4,
        "system": "Linux", "python": "3.11", "numpy": "2.4", "blas": "openblas", "torch": None,
        "load_before": [0.4, 0.6, 0.8], "load_after": [1.0, 0.7, 0.8],
    },
    "peers": [
        {"peer": "torch", "title": "Torch", "version": "1.0", "present": True, "note": None},
        {"peer": "tiny", "title": "Tiny", "version": None, "present": False, "note": "give a path"},
    ],
    "rows": [row("operation one", "Torch", 3.0, 2.5), row("operation one", "Micro", 0.5, 1.0),
             row("mlp step", "Torch", 1.4, None)],
    "skipped": [{"case": "mlp step", "peer": "tiny", "why": "peer absent"}],
}  # fmt: skip


def test_every_row_of_the_groups_is_in_the_table_with_its_mark() -> None:
    text = performance.table(REPORT, "operation").data
    assert text.count("| operation one |") == 2
    assert "3.00 (2.70–3.30) | 2.5 | ✓ |" in text
    assert "0.50 (0.45–0.55) | 1 | ✗ |" in text
    assert "mlp" not in text
    quick = REPORT | {"rows": [row("operation one", "Torch", 1273.06, 2.5)]}
    assert "1,273 (1,146–1,400)" in performance.table(quick).data
    assert "mlp step" in performance.table(REPORT).data


def test_a_bar_is_a_column_where_there_is_one_and_says_whether_it_was_passed() -> None:
    slow, quick = (row("operation one", "Torch", 3.0, None) | {"bar": bar} for bar in (1e-6, 1e-3))
    lines = performance.table(REPORT | {"rows": [slow, quick, *REPORT["rows"]]}).data.splitlines()
    assert [line.count("|") for line in lines] == [8] * len(lines)
    assert ["| 1 µs ✗ |" in lines[2], "| 1 ms ✓ |" in lines[3]] == [True, True]
    assert "bar" not in performance.table(REPORT).data


def test_every_peer_of_the_groups_is_a_line_of_the_figure_in_the_order_of_the_file() -> None:
    [ax] = performance.ratios(REPORT, "operation", "mlp").axes
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["Torch", "Micro", "Torch"]
    assert [text.get_text() for text in ax.texts] == ["operation one", "mlp step"]


def test_what_is_moved_in_a_second_has_a_column_for_each_peer() -> None:
    pull, push = {"moves": {"keys": 1000, "MB": 0.004}}, {"moves": {"keys": 10, "MB": 0.2}}
    raced = [
        row("pull one", "Torch", 2.0, None) | pull,
        row("pull one", "Tiny", 100.0, None) | pull | {"ours_seconds": 4e-6},
        row("push one", "Tiny", 4.0, None) | push,
    ]
    lines = performance.rates(REPORT | {"rows": raced}, "pull", "push").data.splitlines()
    assert lines[0] == "| case | ours, millions/s | MB/s | Torch, MB/s | Tiny, MB/s |"
    assert lines[2:] == [
        "| pull one | 333 | 1,333 | 1,000 | 20 |",
        "| push one | 5 | 100,000 |  | 25,000 |",
    ]


def test_absent_peers_and_skipped_races_are_named() -> None:
    text = performance.conditions(REPORT).data
    assert "Tiny was absent: give a path" in text
    assert "mlp step against tiny was not run: peer absent" in text


def test_without_a_result_the_page_says_so(tmp_path: Path) -> None:
    found = performance.report("autodiff", tmp_path)
    assert found is None
    assert "make bench" in performance.table(found).data
    assert "make bench" in performance.conditions(found).data
    assert performance.ratios(found, "operation").axes


def test_a_result_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "autodiff.json").write_text(json.dumps(REPORT), encoding="utf-8")
    assert performance.report("autodiff", tmp_path) == REPORT


@pytest.mark.parametrize("path", sorted(performance.RESULTS.glob("*.json")), ids=lambda p: p.stem)
def test_the_recorded_results_can_be_drawn(path: Path) -> None:
    found = performance.report(path.stem)
    assert performance.table(found).data.count("\n") == len(performance.rows(found, ())) + 1
    assert performance.ratios(found).axes
    assert performance.conditions(found).data
