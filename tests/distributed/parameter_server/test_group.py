"""Ranks are dealt out without gaps, and what cannot be is refused with what to do."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.parameter_server.group import Group, Table

TABLES = (Table("w", 10),)


@given(st.integers(1, 5), st.integers(0, 3), st.booleans(), st.lists(st.integers(1, 4), max_size=3))
def test_every_rank_has_one_role(servers, spares, together, counts):
    jobs = {str(job): count for job, count in enumerate(counts)} | {"rest": None}
    tables = tuple(Table(f"w{job}", 10, job=job) for job in jobs)
    group = Group(tables, servers=servers, spares=spares, together=together, jobs=jobs)
    first = (0,) if not together else ()
    size = len(first) + servers + spares + sum(counts) + 2
    workers = group.worker_ranks(size)
    dealt = [*first, *group.server_ranks, *group.spare_ranks]
    dealt += [rank for ranks in workers.values() for rank in ranks]
    assert dealt == list(range(size))
    assert len(workers["rest"]) == 2


@given(st.integers(1, 10**6), st.data())
def test_shards_cover_a_table_without_overlap(size, data):
    table = Table("w", size, shards=data.draw(st.integers(1, min(size, 50))))
    bounds = [table.bounds(shard) for shard in range(table.shards)]
    assert bounds[0][0] == 0 and bounds[-1][1] == size
    assert all(left[1] == right[0] for left, right in itertools.pairwise(bounds))
    lengths = [end - begin for begin, end in bounds]
    assert max(lengths) - min(lengths) <= 1 and min(lengths) >= 1


def test_all_shards_of_all_tables():
    group = Group((Table("a", 9, shards=2), Table("b", 9)))
    assert group.shards() == [(0, 0), (0, 1), (1, 0)]
    assert group.table_index("b") == 1


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Group(TABLES, servers=2, replicas=3), "more servers, or fewer replicas"),
        (lambda: Group(()), "one table or more"),
        (lambda: Group((Table("w", 1), Table("w", 2))), "its own name"),
        (lambda: Group((Table("w", 1, job="a"),)), "belong to jobs"),
        (lambda: Table("w", 3, shards=4), "size >= shards"),
        (lambda: Group(TABLES, late=-1), "late >= 0"),
        (lambda: Group(TABLES).worker_ranks(2), "the cluster has 2 ranks"),
        (lambda: Group(TABLES, jobs={"": 5}).worker_ranks(4), "ranks 2 to 6"),
    ],
)
def test_what_cannot_be_is_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_an_unknown_table_is_told_the_known_ones():
    with pytest.raises(KeyError, match=r"no table 'v'; there are \['w'\]"):
        Group(TABLES).table_index("v")
