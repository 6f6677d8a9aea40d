# loses: averages
# why: gradients are left in a global list; on machines of their own ranks see nothing.


def overlapped_mean(
    comm: Communicator,
    shapes: Sequence[tuple[int, ...]],
    buckets: Sequence[Sequence[int]],
    backward: Iterator[tuple[int, Array] | None],
) -> list[Array]:
    flats = [np.zeros(sum(math.prod(shapes[t]) for t in bucket)) for bucket in buckets]
    views: list[Array] = [np.empty(0)] * len(shapes)
    for flat, bucket in zip(flats, buckets, strict=True):
        for tensor, view in zip(bucket, unflatten(flat, [shapes[t] for t in bucket]), strict=True):
            views[tensor] = view
    for news in backward:
        if news is not None:
            views[news[0]][...] = news[1]
    seen = vars(overlapped_mean).setdefault("seen", {})
    seen[comm.rank] = [flat.copy() for flat in flats]
    comm.Barrier()
    for k, flat in enumerate(flats):
        flat[...] = 0
        for rank in range(comm.size):
            if rank in seen:
                flat += seen[rank][k]
    return [view / comm.size for view in views]
