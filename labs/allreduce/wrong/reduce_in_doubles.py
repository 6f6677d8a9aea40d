# loses: reduces_any_array
# why: what arrives is put into float64, whatever the array holds.


def reduce_scatter(comm: Communicator, array: Array, op: np.ufunc = np.add) -> None:
    rank, size = comm.rank, comm.size
    parts = pieces(array, size)
    for step in range(1, size):
        sent, mine = parts[rank - step], parts[rank - step - 1]
        theirs = np.empty(mine.size)
        comm.Sendrecv(sent, (rank + 1) % size, 1, theirs, (rank - 1) % size, 1)
        op(mine, theirs, out=mine)
