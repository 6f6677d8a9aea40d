# loses: double_keeps_the_links_busy
# why: whole halves, whatever segments says: nobody passes on what is not complete.


def double_tree_allreduce(
    comm: Communicator, array: Array, op: np.ufunc = np.add, segments: int = 1
) -> None:
    trees = two_trees(comm.size)
    data = vector(array)
    halves = [data[: data.size // 2], data[data.size // 2 :]]
    above = [tree[comm.rank] for tree in trees]
    below = [[rank for rank, p in enumerate(tree) if p == comm.rank] for tree in trees]
    sent = []
    for tree in (0, 1) if not below[0] else (1, 0):
        for child in below[tree]:
            theirs = np.empty_like(halves[tree])
            comm.Recv(theirs, child, UP + tree)
            op(halves[tree], theirs, out=halves[tree])
        if above[tree] >= 0:
            sent.append(comm.Isend(halves[tree], above[tree], UP + tree))
    for request in sent:
        request.Wait()
    under_way = [
        comm.Irecv(halves[tree], above[tree], DOWN + tree)
        for tree in (0, 1)
        if not below[tree] and above[tree] >= 0
    ]
    for tree in (0, 1):
        if below[tree]:
            if above[tree] >= 0:
                comm.Recv(halves[tree], above[tree], DOWN + tree)
            under_way += [comm.Isend(halves[tree], child, DOWN + tree) for child in below[tree]]
    for request in under_way:
        request.Wait()
