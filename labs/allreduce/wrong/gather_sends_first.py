# loses: gathers_without_buffers
# why: everybody sends before anybody receives.


def allgather(comm: Communicator, array: Array) -> None:
    rank, size = comm.rank, comm.size
    parts = pieces(array, size)
    for step in range(size - 1):
        comm.Send(parts[rank - step], (rank + 1) % size, ALLGATHER)
        comm.Recv(parts[rank - step - 1], (rank - 1) % size, ALLGATHER)
