# loses: gathers_at_the_price_of_a_ring, gathers_apart
# why: each rank sends its chunk to every other itself: as many messages, other bytes, one round.


def allgather(comm: Communicator, array: Array) -> None:
    parts = pieces(array, comm.size)
    requests = [
        comm.Irecv(parts[rank], rank, ALLGATHER) for rank in range(comm.size) if rank != comm.rank
    ]
    requests += [
        comm.Isend(parts[comm.rank], rank, ALLGATHER)
        for rank in range(comm.size)
        if rank != comm.rank
    ]
    for request in requests:
        request.Wait()
