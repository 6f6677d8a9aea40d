# loses: takes_a_diagonal
# why: the stride of the first axis alone walks down a column.


def diagonal(layout: Layout, first: int = 0, second: int = 1) -> Layout:
    i, j = resolved_axis(first, layout.ndim), resolved_axis(second, layout.ndim)
    if i == j:
        raise ValueError("two axes, please")
    kept = [axis for axis in range(layout.ndim) if axis not in (i, j)]
    shape = [layout.shape[axis] for axis in kept] + [min(layout.shape[i], layout.shape[j])]
    strides = [layout.strides[axis] for axis in kept] + [layout.strides[i]]
    return Layout(tuple(shape), tuple(strides), layout.offset)
