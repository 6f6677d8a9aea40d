# loses: sums_what_was_broadcast
# why: the axes in front are summed, but not those of length 1 that were stretched.


def unbroadcast(g: Value, shape: tuple[int, ...]) -> Value:
    while g.ndim > len(shape):
        g = g.sum(0)
    return g
