# loses: gathers_any_array, gathers_at_the_price_of_a_ring, gathers_without_buffers, gathers_apart
# why: sends its own chunk in every step, and passes nothing on.


def allgather(comm: Communicator, array: Array) -> None:
    rank, size = comm.rank, comm.size
    parts = pieces(array, size)
    for step in range(size - 1):
        place = parts[rank - step - 1]
        theirs = np.empty_like(vector(array))
        comm.Sendrecv(parts[rank], (rank + 1) % size, 2, theirs, (rank - 1) % size, 2)
        place[:] = theirs[: place.size]
