# loses: double_sends_no_byte_too_many, double_keeps_the_links_busy
# why: all of the array over the first tree: the leaves do nothing but wait.


def double_tree_allreduce(
    comm: Communicator, array: Array, op: np.ufunc = np.add, segments: int = 1
) -> None:
    tree = two_trees(comm.size)[0]
    above = tree[comm.rank]
    below = [rank for rank, p in enumerate(tree) if p == comm.rank]
    sent = []
    for part in pieces(array, segments):
        for child in below:
            theirs = np.empty_like(part)
            comm.Recv(theirs, child, UP)
            op(part, theirs, out=part)
        if above >= 0:
            sent.append(comm.Isend(part, above, UP))
    for request in sent:
        request.Wait()
    for part in pieces(array, segments):
        if above >= 0:
            comm.Recv(part, above, DOWN)
        for request in [comm.Isend(part, child, DOWN) for child in below]:
            request.Wait()
