# loses: reduces_any_array, reduces_at_the_price_of_a_ring, reduces_without_buffers, reduces_apart
# why: the length is divided by the ranks, and the rest forgotten.


def reduce_scatter(comm: Communicator, array: Array, op: np.ufunc = np.add) -> None:
    rank, size, length = comm.rank, comm.size, array.size // comm.size
    parts = [array[r * length : (r + 1) * length] for r in range(size)]
    theirs = np.empty(length, array.dtype)
    for step in range(1, size):
        sent, mine = parts[rank - step], parts[rank - step - 1]
        comm.Sendrecv(sent, (rank + 1) % size, 0, theirs, (rank - 1) % size, 0)
        op(mine, theirs, out=mine)
