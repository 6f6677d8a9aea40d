# loses: agrees_on_order, hides_buckets, keeps_busy
# why: each rank stands still until the bucket that happens to be full there is through.


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
    missing = [set(bucket) for bucket in buckets]
    for news in backward:
        if news is None:
            continue
        views[news[0]][...] = news[1]
        for flat, bucket in zip(flats, missing, strict=True):
            if news[0] in bucket:
                bucket.remove(news[0])
                if not bucket:
                    ring_allreduce(comm, flat)
    for flat, bucket in zip(flats, missing, strict=True):
        if bucket:
            ring_allreduce(comm, flat)
    return [view / comm.size for view in views]
