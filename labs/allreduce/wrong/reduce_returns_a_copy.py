# loses: reduces_any_array, reduces_at_the_price_of_a_ring, reduces_without_buffers, reduces_apart
# why: works on a copy: the array of the caller stays as it was.


def reduce_scatter(comm: Communicator, array: Array, op: np.ufunc = np.add) -> None:
    rank, size = comm.rank, comm.size
    parts = pieces(array.copy(), size)
    for step in range(1, size):
        sent, mine = parts[rank - step], parts[rank - step - 1]
        theirs = np.empty_like(mine)
        comm.Sendrecv(sent, (rank + 1) % size, 1, theirs, (rank - 1) % size, 1)
        op(mine, theirs, out=mine)
    return np.concatenate(parts)
