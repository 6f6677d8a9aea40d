# loses: as_few_axes_as_can_walk, a_view_where_there_is_one
# why: the stride of an axis of length 1 is never used, and so must not stop a merge.


def collapse(shape: Shape, *operands: Shape) -> list[Run]:
    runs: list[Run] = []
    for length, *inner in zip(shape, *operands):
        if runs and all(out == length * step for out, step in zip(runs[-1][1], inner)):
            runs[-1] = (runs[-1][0] * length, tuple(inner))
        else:
            runs.append((length, tuple(inner)))
    return [run for run in runs if run[0] > 1]
