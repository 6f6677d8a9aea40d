# loses: are_binary_trees, are_inner_in_one_tree_only, are_low
# why: the root is its own parent, as in many programs, but not as it was asked for.


def two_trees(ranks: int) -> list[list[int]]:
    tree = [max(0, rank - 1) // 2 for rank in range(ranks)]
    return [tree, [ranks - 1 - parent for parent in reversed(tree)]]


def double_tree_allreduce(
    comm: Communicator, array: Array, op: np.ufunc = np.add, segments: int = 1
) -> None:
    data, parents = vector(array), two_trees(comm.size)
    halves = [pieces(data[: data.size // 2], segments), pieces(data[data.size // 2 :], segments)]
    above = [tree[comm.rank] if tree[comm.rank] != comm.rank else -1 for tree in parents]
    below = [[rank for rank, p in enumerate(tree) if p == comm.rank != rank] for tree in parents]
    leaf = [tree for tree in (0, 1) if not below[tree] and above[tree] >= 0]
    inner = [tree for tree in (0, 1) if below[tree]]
    ahead = min(segments, comm.size.bit_length())
    sent: list = []
    for step in range(segments + ahead):
        if step < segments:
            sent += [comm.Isend(halves[tree][step], above[tree], UP + tree) for tree in leaf]
        for tree in inner if step >= ahead else ():
            part = halves[tree][step - ahead]
            for child in below[tree]:
                theirs = np.empty_like(part)
                comm.Recv(theirs, child, UP + tree)
                op(part, theirs, out=part)
            if above[tree] >= 0:
                sent.append(comm.Isend(part, above[tree], UP + tree))
    for request in sent:
        request.Wait()
    under_way = [
        comm.Irecv(halves[tree][segment], above[tree], DOWN + tree)
        for segment in range(segments)
        for tree in leaf
    ]
    for segment in range(segments):
        for tree in inner:
            part = halves[tree][segment]
            if above[tree] >= 0:
                comm.Recv(part, above[tree], DOWN + tree)
            under_way += [comm.Isend(part, child, DOWN + tree) for child in below[tree]]
    for request in under_way:
        request.Wait()
