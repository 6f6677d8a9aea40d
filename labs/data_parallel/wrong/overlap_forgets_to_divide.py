# loses: agrees_on_order, averages, hides_buckets, keeps_busy, sends_no_more
# why: the sum is as many times too large as there are ranks.


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
    sailing: list[_SolutionTransfer] = []
    left = 0
    for news in backward:
        if news is not None:
            tensor, gradient = news
            views[tensor][...] = gradient
            for bucket in missing:
                bucket.discard(tensor)
        while left < len(buckets) and not missing[left]:
            sailing.append(_solution_ring(comm, flats[left], left))
            left += 1
        sailing = [transfer for transfer in sailing if not _solution_done(transfer)]
    sailing += [_solution_ring(comm, flats[k], k) for k in range(left, len(buckets))]
    for transfer in sailing:
        while not _solution_done(transfer, wait=True):
            pass
    return views
