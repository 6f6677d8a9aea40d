"""The names that a rank sees, and the bytes of its arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlsys.distributed.cluster.communicator import (
    ClusterError,
    Communicator,
    Deadlock,
    RankFailed,
    Request,
    Revoked,
    Status,
    Truncated,
    as_bytes,
    new_status,
)

OURS = {"compute", "now", "Revoke", "Shrink"}  # mpi4py 4 has the last two as well


def public(protocol: type) -> set[str]:
    return {name for name in vars(protocol) if not name.startswith("_")}


@pytest.mark.parametrize("protocol", [Communicator, Request, Status])
def test_the_names_are_those_of_mpi4py(protocol):
    mpi = pytest.importorskip("mpi4py.MPI")
    theirs = {Communicator: mpi.Intracomm, Request: mpi.Request, Status: mpi.Status}[protocol]
    assert [name for name in public(protocol) - OURS if not hasattr(theirs, name)] == []


@given(hnp.arrays(st.sampled_from(["?", "i1", "u2", "f2", "f4", "f8", "c16"]), (2, 3)))
def test_the_bytes_of_an_array_are_shared_with_it(array):
    view = as_bytes(array)
    assert bytes(view) == array.tobytes()
    view[:] = bytes(view.nbytes)
    assert not array.view("u1").any()


@given(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
def test_every_shape_has_bytes(shape):
    array = np.zeros(shape, np.float32)
    assert as_bytes(array).nbytes == array.nbytes


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ([1, 2], TypeError, "expected a NumPy array, got list; objects go with send and recv"),
        (np.zeros(9)[::2], ValueError, "strides .16,.*np.ascontiguousarray"),
        (np.zeros((3, 4)).T, ValueError, "shape .4, 3."),
        (np.array([{}, None]), TypeError, "array of numbers, got one of objects"),
    ],
)
def test_what_has_no_bytes_in_a_row_is_refused(given, error, words):
    with pytest.raises(error, match=words):
        as_bytes(given)


def test_errors_form_one_family():
    assert issubclass(Revoked, RankFailed)
    for kind in (RankFailed, Deadlock, Truncated):
        assert issubclass(kind, ClusterError)
    assert RankFailed("gone", (3, 5)).ranks == (3, 5)
    assert RankFailed("gone").ranks == ()


def test_a_status_says_what_was_noted():
    status = Status()
    assert (status.Get_source(), status.Get_tag(), status.Get_count()) == (-1, -1, 0)
    status.source, status.tag, status.nbytes = 2, 3, 16
    assert (status.Get_source(), status.Get_tag(), status.Get_count()) == (2, 3, 16)


def test_a_new_status_is_one_that_the_communicator_takes():
    mpi = pytest.importorskip("mpi4py.MPI")
    assert type(new_status(object())) is Status
    assert type(new_status(mpi.COMM_SELF)) is mpi.Status
