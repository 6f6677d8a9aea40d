# loses: reduces_any_array, reduces_at_the_price_of_a_ring, reduces_without_buffers, reduces_apart
# why: begins with its own chunk, and so ends with that of its right neighbour.


def reduce_scatter(comm: Communicator, array: Array, op: np.ufunc = np.add) -> None:
    rank, size = comm.rank, comm.size
    parts = pieces(array, size)
    for step in range(size - 1):
        sent, mine = parts[rank - step], parts[rank - step - 1]
        theirs = np.empty_like(mine)
        comm.Sendrecv(sent, (rank + 1) % size, 1, theirs, (rank - 1) % size, 1)
        op(mine, theirs, out=mine)
