# loses: reduces_any_array
# why: whatever the op is, it adds.


def reduce_scatter(comm: Communicator, array: Array, op: np.ufunc = np.add) -> None:
    rank, size = comm.rank, comm.size
    parts = pieces(array, size)
    for step in range(1, size):
        sent, mine = parts[rank - step], parts[rank - step - 1]
        theirs = np.empty_like(mine)
        comm.Sendrecv(sent, (rank + 1) % size, 1, theirs, (rank - 1) % size, 1)
        mine += theirs
