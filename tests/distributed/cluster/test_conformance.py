"""What every cluster must do alike: one suite of rank programs for all, and for bare mpi4py.

The programs use mpi4py's names alone, so that the last of the backends is ``MPI.COMM_WORLD``
itself: the outside oracle of the other three. A whole suite is one job, because a start of real
ranks is dear; each law is then judged on what its program returned on each rank.
"""

from __future__ import annotations

import functools
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cloudpickle
import numpy as np
import pytest

from mlsys.distributed.cluster.communicator import ANY_SOURCE, ANY_TAG, Status, Truncated
from mlsys.distributed.cluster.programs import run_program

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # ranks cannot import a test

RANKS = 4
BIG = 300_000  # floats: far above every library's limit for messages that need no receive


@dataclass
class Kit:
    """What differs between clusters by nature: statuses, clocks, and names of errors."""

    status: Callable[[], Any]
    work: Callable[[Any, float], None]
    clock: Callable[[Any], float]
    truncated: type[Exception]
    wrong_rank: type[Exception]


def kit_for(backend: str) -> Kit:
    if backend in ("mpi", "bare"):
        from mpi4py import MPI

        errors: Any = MPI.Exception
        return Kit(
            MPI.Status, lambda comm, s: time.sleep(s), lambda comm: time.monotonic(), errors, errors
        )
    if backend == "processes":
        return Kit(
            Status,
            lambda comm, s: time.sleep(s),
            lambda comm: time.monotonic(),
            Truncated,
            ValueError,
        )
    return Kit(
        Status, lambda comm, s: comm.compute(s), lambda comm: comm.now(), Truncated, ValueError
    )


Expected = Callable[[int, int], Any]
LAWS: dict[str, tuple[Callable[[Any, Kit], Any], Expected]] = {}


def law(expected: Expected) -> Callable[[Callable[[Any, Kit], Any]], Callable[[Any, Kit], Any]]:
    """Register a program with what it must return, given a rank and the number of ranks."""

    def register(program: Callable[[Any, Kit], Any]) -> Callable[[Any, Kit], Any]:
        LAWS[program.__name__] = (program, expected)
        return program

    return register


def right(comm: Any) -> int:
    return int((comm.rank + 1) % comm.size)


def left(comm: Any) -> int:
    return int((comm.rank - 1) % comm.size)


def numbers(start: float, length: int = 5) -> np.ndarray:
    return np.arange(length) + float(start)


# Who is there.


@law(lambda rank, size: (rank, size, rank, size))
def ranks_are_numbered(comm: Any, kit: Kit) -> Any:
    return comm.rank, comm.size, comm.Get_rank(), comm.Get_size()


# Which message meets which receive.


@law(lambda rank, size: [100 * ((rank - 1) % size) + i for i in range(12)])
def messages_of_a_pair_keep_their_order(comm: Any, kit: Kit) -> Any:
    lengths = [
        1 if i % 3 else BIG // 4 for i in range(12)
    ]  # short ones must not overtake long ones
    sends = [
        comm.Isend(np.full(n, 100.0 * comm.rank + i), right(comm), tag=7)
        for i, n in enumerate(lengths)
    ]
    got = []
    for _ in lengths:
        place = np.zeros(BIG // 4)
        comm.Recv(place, left(comm), tag=7)
        got.append(int(place[0]))
    for send in sends:
        send.Wait()
    return got


@law(lambda rank, size: [3.0, 1.0, 2.0])
def a_tag_picks_its_message(comm: Any, kit: Kit) -> Any:
    sends = [comm.Isend(numbers(tag), right(comm), tag) for tag in (1, 2, 3)]
    got = []
    for tag in (3, 1, 2):
        place = np.zeros(5)
        comm.Recv(place, left(comm), tag)
        got.append(float(place[0]))
    for send in sends:
        send.Wait()
    return got


@law(lambda rank, size: [(1, 9), (0, 8), (2, 7)])
def any_tag_takes_the_oldest(comm: Any, kit: Kit) -> Any:
    sends = [comm.Isend(numbers(i), right(comm), 9 - n) for n, i in enumerate((1, 0, 2))]
    got = []
    for _ in range(3):
        place, status = np.zeros(5), kit.status()
        comm.Recv(place, left(comm), ANY_TAG, status)
        got.append((int(place[0]), status.Get_tag()))
    for send in sends:
        send.Wait()
    return got


@law(
    lambda rank, size: (
        sorted((r, 3 * r + i) for r in range(1, size) for i in range(3)) if rank == 0 else None
    )
)
def any_source_takes_from_all_and_says_from_whom(comm: Any, kit: Kit) -> Any:
    if comm.rank:
        for i in range(3):
            comm.Send(np.array([3 * comm.rank + i]), 0, tag=i)
        return None
    got: list[tuple[int, int]] = []
    for _ in range(3 * (comm.size - 1)):
        place, status = np.zeros(1, int), kit.status()
        comm.Recv(place, ANY_SOURCE, ANY_TAG, status)
        assert place[0] == 3 * status.Get_source() + status.Get_tag()
        got.append((status.Get_source(), int(place[0])))
    by_source = [[x for source, x in got if source == r] for r in range(1, comm.size)]
    assert by_source == [sorted(each) for each in by_source], "one sender's keep their order"
    return sorted(got)


# Arrays.


@law(lambda rank, size: [float(rank)] * 3)
def a_rank_sends_to_itself(comm: Any, kit: Kit) -> Any:
    place = np.zeros(3)
    comm.Sendrecv(np.full(3, float(comm.rank)), comm.rank, 1, place, comm.rank, 1)
    return place.tolist()


@law(lambda rank, size: [(rank - hops) % size for hops in range(size + 1)])
def values_go_round_a_ring(comm: Any, kit: Kit) -> Any:
    here, there, seen = np.array([comm.rank]), np.zeros(1, int), [comm.rank]
    for _ in range(comm.size):
        comm.Sendrecv(here, right(comm), 0, there, left(comm), 0)
        here, there = there, here
        seen.append(int(here[0]))
    return seen


@law(lambda rank, size: ((rank - 1) % size, BIG, True))
def big_arrays_arrive_whole(comm: Any, kit: Kit) -> Any:
    mine, place, status = numbers(comm.rank, BIG), np.zeros(BIG), kit.status()
    comm.Sendrecv(mine, right(comm), 2, place, left(comm), 2, status)
    whole = bool((place == numbers(left(comm), BIG)).all())
    return status.Get_source(), status.Get_count() // 8, whole


@law(lambda rank, size: (0, (rank - 1) % size, 4))
def an_empty_message_is_a_message(comm: Any, kit: Kit) -> Any:
    status, nothing = kit.status(), np.zeros(0)
    comm.Sendrecv(nothing, right(comm), 4, np.zeros(3), left(comm), 4, status)
    return status.Get_count(), status.Get_source(), status.Get_tag()


@law(lambda rank, size: (16, [1.0, 2.0, -1.0, -1.0]))
def a_shorter_message_leaves_the_rest_alone(comm: Any, kit: Kit) -> Any:
    status, place = kit.status(), np.full(4, -1.0)
    comm.Sendrecv(np.array([1.0, 2.0]), right(comm), 0, place, left(comm), 0, status)
    return status.Get_count(), place.tolist()


DTYPES = ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16")


@law(lambda rank, size: list(DTYPES))
def every_dtype_arrives_bit_for_bit(comm: Any, kit: Kit) -> Any:
    same = []
    for dtype in DTYPES:
        mine = (np.random.default_rng(7).integers(0, 100, 6) * 1.5).astype(dtype)
        place = np.zeros(6, dtype)
        comm.Sendrecv(mine, right(comm), 0, place, left(comm), 0)
        same += [dtype] if place.tobytes() == mine.tobytes() else []
    return same


@law(lambda rank, size: [[0.0, 0.0], [(rank - 1) % size, 1.0], [0.0, 0.0]])
def rows_of_a_matrix_are_arrays_too(comm: Any, kit: Kit) -> Any:
    place = np.zeros((3, 2))
    comm.Sendrecv(np.array([[comm.rank, 1.0]]), right(comm), 0, place[1:2], left(comm), 0)
    return place.tolist()


@law(lambda rank, size: [((rank - 1) % size) * 1.0, float(sum(range(size)))])
def what_has_left_may_be_overwritten(comm: Any, kit: Kit) -> Any:
    mine, place = np.full(BIG, float(comm.rank)), np.zeros(BIG)
    send = comm.Isend(mine, right(comm))
    comm.Recv(place, left(comm))
    send.Wait()
    mine[:] = -1.0
    first = float(place[-1])
    return [first, allreduced(comm, float(comm.rank))]


def allreduced(comm: Any, value: float) -> float:
    """The sum over all ranks, round a ring."""
    total, here, there = value, np.array([value]), np.zeros(1)
    for _ in range(comm.size - 1):
        comm.Sendrecv(here, right(comm), 0, there, left(comm), 0)
        here, there = there, here
        total += float(here[0])
    return total


# Requests.


@law(lambda rank, size: [10 * source + rank for source in range(size)])
def all_to_all_with_requests(comm: Any, kit: Kit) -> Any:
    places = np.zeros((comm.size, 1), int)
    receives = [comm.Irecv(places[source], source, 3) for source in range(comm.size)]
    outgoing = [np.array([10 * comm.rank + dest]) for dest in range(comm.size)]
    sends = [comm.Isend(array, dest, 3) for dest, array in enumerate(outgoing)]
    for request in reversed(receives + sends):
        assert request.Wait() is True
    return places[:, 0].tolist()


@law(lambda rank, size: (False, True, (rank - 1) % size, 6))
def a_test_is_false_until_it_is_true(comm: Any, kit: Kit) -> Any:
    place, status = np.zeros(1, int), kit.status()
    receive = comm.Irecv(place, left(comm), 6)
    early = receive.Test()
    comm.Barrier()
    comm.Send(np.array([comm.rank]), right(comm), 6)
    while not receive.Test(status):
        kit.work(comm, 1e-4)
    assert receive.Wait(), "to wait for what is done is no mistake"
    return early, place[0] == left(comm), status.Get_source(), status.Get_tag()


@law(lambda rank, size: ["first", "second"])
def receives_are_served_in_the_order_of_asking(comm: Any, kit: Kit) -> Any:
    receives = [comm.irecv(source=left(comm), tag=1) for _ in range(2)]
    for word in ("first", "second"):
        comm.send(word, right(comm), 1)
    second = receives[1].wait()
    return [receives[0].wait(), second]


# Objects.

THINGS = [None, {"a": [1, 2.5]}, "文字", b"\0" * 70_000, (True, 2**80), np.arange(3)]


@law(lambda rank, size: [repr(thing) for thing in THINGS])
def objects_arrive_equal(comm: Any, kit: Kit) -> Any:
    got = [comm.sendrecv(thing, right(comm), 1, None, left(comm), 1) for thing in THINGS]
    assert comm.size == 1 or got[1] is not THINGS[1], "a copy, never the thing itself"
    return [repr(thing) for thing in got]


@law(lambda rank, size: [("hello", (rank - 1) % size, 5), ("again", (rank - 1) % size, 5)])
def objects_with_requests_and_statuses(comm: Any, kit: Kit) -> Any:
    first, second = kit.status(), kit.status()
    receive = comm.irecv(source=ANY_SOURCE, tag=5)
    sends = [comm.isend(word, right(comm), 5) for word in ("hello", "again")]
    done, word = receive.test(first)
    while not done:
        kit.work(comm, 1e-4)
        done, word = receive.test(first)
    other = comm.recv(source=left(comm), tag=5, status=second)
    assert [send.wait() for send in sends] == [None, None]
    return [(w, s.Get_source(), s.Get_tag()) for w, s in ((word, first), (other, second))]


@law(lambda rank, size: None if rank else [{"from": r} for r in range(1, size)])
def objects_to_one_rank(comm: Any, kit: Kit) -> Any:
    if comm.rank:
        return comm.send({"from": comm.rank}, dest=0, tag=comm.rank)
    return [comm.recv(source=r, tag=r) for r in range(1, comm.size)]


# Looking before receiving.


@law(lambda rank, size: ((rank - 1) % size, 11, 24, [0.0, 1.0, 2.0]))
def a_probe_tells_the_length(comm: Any, kit: Kit) -> Any:
    send = comm.Isend(np.arange(3.0), right(comm), 11)
    status = kit.status()
    comm.Probe(left(comm), ANY_TAG, status)
    place = np.zeros(status.Get_count() // 8)
    comm.Recv(place, status.Get_source(), status.Get_tag())
    send.Wait()
    return status.Get_source(), status.Get_tag(), status.Get_count(), place.tolist()


@law(lambda rank, size: (False, True, True, "it", False))
def an_iprobe_takes_nothing(comm: Any, kit: Kit) -> Any:
    never = comm.Iprobe(ANY_SOURCE, 99)
    send = comm.isend("it", right(comm), 12)
    status = kit.status()
    while not (there := comm.Iprobe(left(comm), 12, status)):
        kit.work(comm, 1e-4)
    still = comm.Iprobe(ANY_SOURCE, 12)
    word = comm.recv(source=status.Get_source(), tag=12)
    send.wait()
    return never, there, still, word, comm.Iprobe(ANY_SOURCE, 12)


# Groups.


@law(lambda rank, size: True)
def nobody_leaves_a_barrier_before_all_have_come(comm: Any, kit: Kit) -> Any:
    kit.work(comm, 0.01 * comm.rank)
    came = kit.clock(comm)
    comm.Barrier()
    left_it = kit.clock(comm)
    everybody = [came]
    for _ in range(comm.size - 1):
        everybody.append(comm.sendrecv(everybody[-1], right(comm), 0, None, left(comm), 0))
    return left_it >= max(everybody)


def of_my_color(rank: int, size: int) -> tuple[int, int, int]:
    members = list(range(rank % 2, size, 2))
    mine = members.index(rank)
    return mine, len(members), members[mine - 1]


@law(of_my_color)
def split_makes_groups_of_one_color(comm: Any, kit: Kit) -> Any:
    group = comm.Split(comm.rank % 2, comm.rank)
    heard = group.sendrecv(comm.rank, right(group), 0, None, left(group), 0)
    return group.rank, group.size, heard


@law(lambda rank, size: (size - 1 - rank, size))
def split_orders_by_key(comm: Any, kit: Kit) -> Any:
    group = comm.Split(0, -comm.rank)
    return group.rank, group.size


@law(lambda rank, size: (0, 1, (rank - 1) % size))
def splits_nest(comm: Any, kit: Kit) -> Any:
    half = comm.Split(comm.rank % 2, 0)
    alone = half.Split(half.rank, 0)
    alone.Barrier()
    half.Barrier()
    return alone.rank, alone.size, comm.sendrecv(comm.rank, right(comm), 0, None, left(comm), 0)


@law(lambda rank, size: ("inner", "outer"))
def messages_do_not_cross_communicators(comm: Any, kit: Kit) -> Any:
    inner = comm.Split(0, comm.rank)
    sends = [comm.isend("outer", right(comm), 1), inner.isend("inner", right(inner), 1)]
    first = inner.recv(source=ANY_SOURCE, tag=ANY_TAG)
    second = comm.recv(source=ANY_SOURCE, tag=ANY_TAG)
    for send in sends:
        send.wait()
    return first, second


# Mistakes.


def raised(kind: type[Exception] | tuple[type[Exception], ...], call: Callable[[], Any]) -> bool:
    try:
        call()
    except kind:
        return True
    return False


@law(lambda rank, size: (True, "on"))
def a_message_too_long_is_an_error(comm: Any, kit: Kit) -> Any:
    send = comm.Isend(np.zeros(4), right(comm), 1)
    wrong = raised(kit.truncated, lambda: comm.Recv(np.zeros(2), left(comm), 1))
    send.Wait()
    return wrong, comm.sendrecv("on", right(comm), 2, None, left(comm), 2)


@law(lambda rank, size: [True] * 4)
def a_rank_that_is_not_there_is_an_error(comm: Any, kit: Kit) -> Any:
    one, size = np.zeros(1), comm.size
    return [
        raised(kit.wrong_rank, lambda: comm.Send(one, size)),
        raised(kit.wrong_rank, lambda: comm.Recv(one, size)),
        raised(kit.wrong_rank, lambda: comm.Isend(one, size)),
        raised(kit.wrong_rank, lambda: comm.send("x", size)),
    ]


@law(lambda rank, size: [True, True])
def an_array_with_gaps_is_an_error(comm: Any, kit: Kit) -> Any:
    gaps = np.zeros(10)[::2]
    return [
        raised((ValueError, BufferError), lambda: comm.Send(gaps, comm.rank)),
        raised((ValueError, BufferError), lambda: comm.Recv(gaps, comm.rank)),
    ]


# The suite as one program, and its judge.


def suite(comm: Any, backend: str, bare: bool) -> dict[str, Any]:
    """What each law's program returned; the text of the error of one that raised."""
    if bare:
        from mpi4py import MPI

        comm = MPI.COMM_WORLD
    kit, values = kit_for(backend), {}
    for name, (program, _) in LAWS.items():
        own = comm.Split(0, comm.rank)  # what one leaves behind is no matter of the next
        try:
            values[name] = program(own, kit)
        except Exception:
            values[name] = traceback.format_exc()
        own.Barrier()
    return values


def both(comm: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return suite(comm, "mpi", False), suite(comm, "bare", True)


@functools.cache
def outcomes(backend: str, ranks: int) -> list[dict[str, Any]]:
    """For each rank, what each law's program returned."""
    if backend in ("mpi", "bare"):
        return [pair[backend == "bare"] for pair in on_mpi()]
    return run_program(suite, backend, False, ranks=ranks, on=backend).values


@functools.cache
def on_mpi() -> list[Any]:
    return run_program(both, ranks=RANKS, on="mpi", timeout=50).values


REAL = [
    pytest.param(backend, RANKS, marks=pytest.mark.multiprocess)
    for backend in ("processes", "mpi", "bare")
]


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize(("backend", "ranks"), [("simulated", n) for n in (1, 2, 5)] + REAL)
def test_every_cluster_obeys(backend: str, ranks: int, name: str) -> None:
    expected = LAWS[name][1]
    for rank, values in enumerate(outcomes(backend, ranks)):
        assert values[name] == expected(rank, ranks), f"rank {rank}: {values[name]}"
