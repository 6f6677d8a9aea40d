# loses: double_sends_no_byte_too_many, double_takes_few_steps, double_keeps_the_links_busy
# why: everybody sends all to rank 0, and gets all from there.


def double_tree_allreduce(
    comm: Communicator, array: Array, op: np.ufunc = np.add, segments: int = 1
) -> None:
    if comm.rank:
        comm.Send(array, 0, UP)
        comm.Recv(array, 0, DOWN)
        return
    for rank in range(1, comm.size):
        theirs = np.empty_like(array)
        comm.Recv(theirs, rank, UP)
        op(array, theirs, out=array)
    for rank in range(1, comm.size):
        comm.Send(array, rank, DOWN)
