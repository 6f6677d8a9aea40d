# loses: double_takes_few_steps
# why: the ring again, right and in many rounds.


def double_tree_allreduce(
    comm: Communicator, array: Array, op: np.ufunc = np.add, segments: int = 1
) -> None:
    reduce_scatter(comm, vector(array), op)
    allgather(comm, vector(array))
