"""One call for all clusters: it finds the program, picks the cluster, refuses nonsense."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from mlsys.distributed.cluster import flat
from mlsys.distributed.cluster.examples import hello
from mlsys.distributed.cluster.programs import CLUSTERS, cluster_class, find, run_program

EVERYWHERE = [
    pytest.param(on, marks=[] if on == "simulated" else [pytest.mark.multiprocess])
    for on in CLUSTERS
]


@pytest.mark.parametrize("on", EVERYWHERE)
def test_one_call_runs_a_program_on_every_kind_of_cluster(on: str) -> None:
    run = run_program(lambda comm, more: comm.rank + more, 10, ranks=3, on=on)
    assert run.values == [10, 11, 12]
    assert run.seconds >= 0
    assert len(run.values) == 3


def test_a_program_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "of_my_own.py").write_text("def double(comm):\n    return 2 * comm.rank\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert run_program("of_my_own:double", ranks=2).values == [0, 2]
    assert find("mlsys.distributed.cluster.examples:hello") is hello


def test_a_module_that_lacks_another_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "incomplete.py").write_text("import no_such_package\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        find("incomplete:main")


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("hello", "expected MODULE:FUNCTION, got 'hello'"),
        (":hello", "expected MODULE:FUNCTION"),
        ("no.such:hello", "found no module 'no'"),
        ("mlsys.nothing:hello", "found no module 'mlsys.nothing'"),
        ("mlsys.distributed.cluster.examples:none", "has no function 'none'"),
    ],
)
def test_what_is_not_there_is_named(place: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        find(place)


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"ranks": 0}, ValueError, "ranks: expected at least 1, got 0"),
        ({"ranks": 2.0}, TypeError, r"ranks: expected a whole number, got 2\.0"),
        ({"ranks": True}, TypeError, "ranks: expected a whole number"),
        ({"ranks": flat(2), "on": "mpi"}, TypeError, "a topology is for the simulated cluster"),
        ({"on": "cloud"}, ValueError, "on: expected one of simulated, processes, mpi, got 'cloud'"),
        ({"hosts": ["a:4"]}, TypeError, "hosts: no option of a cluster on 'simulated'; it has"),
        ({"on": "mpi", "eager": 3}, TypeError, "eager: no option of a cluster on 'mpi'"),
    ],
)
def test_a_wrong_request_is_refused(options: Any, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        run_program(hello, **options)


def test_a_topology_says_how_many_ranks() -> None:
    assert len(run_program(hello, ranks=flat(5)).values) == 5


def test_every_kind_can_be_imported() -> None:
    assert [cluster_class(on).__name__ for on in CLUSTERS] == [
        "SimulatedCluster",
        "ProcessCluster",
        "MPICluster",
    ]
