# loses: reduces_without_buffers
# why: everybody sends before anybody receives, which works as long as messages are small.


def reduce_scatter(comm: Communicator, array: Array, op: np.ufunc = np.add) -> None:
    rank, size = comm.rank, comm.size
    parts = pieces(array, size)
    for step in range(1, size):
        sent, mine = parts[rank - step], parts[rank - step - 1]
        theirs = np.empty_like(mine)
        comm.Send(sent, (rank + 1) % size, REDUCE_SCATTER)
        comm.Recv(theirs, (rank - 1) % size, REDUCE_SCATTER)
        op(mine, theirs, out=mine)
