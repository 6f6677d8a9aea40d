"""Tags keep collectives apart, and ranks that do not agree from adding up the wrong numbers."""

from __future__ import annotations

import numpy as np
import pytest

from mlsys.distributed.allreduce import broadcast, gather, reduce, scatter, tags
from mlsys.distributed.cluster import ClusterError, Deadlock, ProgramFailed, SimulatedCluster


def test_no_two_kinds_share_a_tag_and_mpi_allows_all():
    kinds = [value for name, value in vars(tags).items() if name.isupper()]
    kinds.remove(tags.COLLECTIVES)
    first_and_last = [kind + root for kind in sorted(kinds) for root in (0, tags.COLLECTIVES - 1)]
    assert first_and_last == sorted(set(first_and_last))
    assert first_and_last[0] >= tags.COLLECTIVES
    assert first_and_last[-1] <= 32_767


@pytest.mark.parametrize("collective", [broadcast, reduce, scatter, gather])
@pytest.mark.parametrize("root", [-1, 4])
def test_a_root_that_is_no_rank_is_refused(ranks, collective, root):
    with pytest.raises(ProgramFailed, match=rf"root: expected a rank from 0 to 3, got {root}"):
        ranks.run(lambda comm, a: collective(comm, a, root=root), ranks.inputs(4, 8))


@pytest.mark.parametrize("collective", [broadcast, reduce, scatter, gather])
def test_ranks_that_disagree_about_the_root_are_told(ranks, collective):
    def confused(comm, array):
        collective(comm, array, root=int(comm.rank == 2))

    with pytest.raises(ClusterError, match=r"rank \d"):
        ranks.run(confused, ranks.inputs(4, 8), eager=0)
    with pytest.raises(ClusterError, match=r"rank \d"):
        ranks.run(confused, ranks.inputs(4, 8))


def test_even_a_message_from_the_right_neighbour_must_be_of_the_same_root():
    """Rank 1 gets its copy from rank 0 both in the tree of root 0 and in that of root 2."""

    def program(comm):
        broadcast(comm, np.zeros(3), root=2 if comm.rank == 1 else 0)

    with pytest.raises(Deadlock, match=r"rank 1 waits"):
        SimulatedCluster(4).run(program)


def test_a_rank_in_another_collective_is_told_apart():
    def program(comm):
        (broadcast if comm.rank else reduce)(comm, np.zeros(3))

    with pytest.raises(Deadlock, match=r"rank 0 waits"):
        SimulatedCluster(2).run(program)
