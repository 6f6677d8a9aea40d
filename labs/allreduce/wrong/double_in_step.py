# loses: double_takes_few_steps, double_keeps_the_links_busy
# why: a segment of one tree, then of the other: each waits until both trees are climbed.


def double_tree_allreduce(
    comm: Communicator, array: Array, op: np.ufunc = np.add, segments: int = 1
) -> None:
    trees = two_trees(comm.size)
    data = vector(array)
    halves = [pieces(data[: data.size // 2], segments), pieces(data[data.size // 2 :], segments)]
    above = [tree[comm.rank] for tree in trees]
    below = [[rank for rank, p in enumerate(tree) if p == comm.rank] for tree in trees]
    for segment in range(segments):
        for tree in (0, 1):
            part = halves[tree][segment]
            for child in below[tree]:
                theirs = np.empty_like(part)
                comm.Recv(theirs, child, UP + tree)
                op(part, theirs, out=part)
            if above[tree] >= 0:
                comm.Isend(part, above[tree], UP + tree).Wait()
    for segment in range(segments):
        for tree in (0, 1):
            part = halves[tree][segment]
            if above[tree] >= 0:
                comm.Recv(part, above[tree], DOWN + tree)
            for child in below[tree]:
                comm.Isend(part, child, DOWN + tree).Wait()
