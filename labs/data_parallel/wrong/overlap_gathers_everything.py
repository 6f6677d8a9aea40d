# loses: hides_buckets, keeps_busy, sends_no_more
# why: right means; but every rank sends all of its gradients to all others.


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
    for flat in flats:
        mine, total = flat.copy(), np.zeros_like(flat)
        for source in range(comm.size):
            came = mine.copy()
            if comm.rank == source:
                for dest in range(comm.size):
                    if dest != source:
                        comm.Send(came, dest)
            else:
                comm.Recv(came, source)
            total += came
        flat[...] = total / comm.size
    return views
