# loses: gathers_at_the_price_of_a_ring, gathers_apart
# why: rank 0 collects all chunks and sends everybody the whole array.


def allgather(comm: Communicator, array: Array) -> None:
    parts = pieces(array, comm.size)
    if comm.rank:
        comm.Send(parts[comm.rank], 0, ALLGATHER)
        comm.Recv(array, 0, ALLGATHER)
        return
    for rank in range(1, comm.size):
        comm.Recv(parts[rank], rank, ALLGATHER)
    for rank in range(1, comm.size):
        comm.Send(array, rank, ALLGATHER)
