# loses: hides_buckets, keeps_busy, sends_no_more
# why: one allreduce a tensor pays the latency as often as there are tensors.


def overlapped_mean(
    comm: Communicator,
    shapes: Sequence[tuple[int, ...]],
    buckets: Sequence[Sequence[int]],
    backward: Iterator[tuple[int, Array] | None],
) -> list[Array]:
    means = [np.zeros(shape) for shape in shapes]
    for news in backward:
        if news is not None:
            means[news[0]][...] = news[1]
    for mean in means:
        ring_allreduce(comm, mean)
        mean /= comm.size
    return means
