# loses: takes_a_diagonal, windows_overlap
# why: a step on a diagonal moves along two axes, from window to window by several elements.


def diagonal(layout: Layout, first: int = 0, second: int = 1) -> Layout:
    i, j = resolved_axis(first, layout.ndim), resolved_axis(second, layout.ndim)
    if i == j:
        raise ValueError("two axes, please")
    kept = [axis for axis in range(layout.ndim) if axis not in (i, j)]
    shape = [layout.shape[axis] for axis in kept] + [min(layout.shape[i], layout.shape[j])]
    strides = [layout.strides[axis] for axis in kept] + [layout.strides[i]]
    return Layout(tuple(shape), tuple(strides), layout.offset)


def windows(layout: Layout, size: int, axis: int = -1, step: int = 1) -> Layout:
    i = resolved_axis(axis, layout.ndim)
    length, stride = layout.shape[i], layout.strides[i]
    if not 1 <= size <= length or step < 1:
        raise ValueError(f"windows of {size}, every {step}, do not fit {length}")
    shape = list(layout.shape)
    shape[i] = (length - size) // step + 1
    return Layout((*shape, size), (*layout.strides, stride), layout.offset)
