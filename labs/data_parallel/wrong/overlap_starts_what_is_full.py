# loses: agrees_on_order
# why: each rank numbers its buckets as they become full: different ones meet.


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
    started: set[int] = set()
    for news in backward:
        if news is not None:
            tensor, gradient = news
            views[tensor][...] = gradient
            for bucket in missing:
                bucket.discard(tensor)
        for k, bucket in enumerate(missing):
            if not bucket and k not in started:
                started.add(k)
                sailing.append(_solution_ring(comm, flats[k], len(started)))
        sailing = [transfer for transfer in sailing if not _solution_done(transfer)]
    rest = [k for k in range(len(flats)) if k not in started]
    sailing += [_solution_ring(comm, flats[k], tag) for tag, k in enumerate(rest, len(started) + 1)]
    for transfer in sailing:
        while not _solution_done(transfer, wait=True):
            pass
    for flat in flats:
        flat /= comm.size
    return views
