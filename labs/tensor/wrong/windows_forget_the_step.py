# loses: windows_overlap
# why: there are fewer windows, but each begins only one element after the last.


def windows(layout: Layout, size: int, axis: int = -1, step: int = 1) -> Layout:
    i = resolved_axis(axis, layout.ndim)
    length, stride = layout.shape[i], layout.strides[i]
    if not 1 <= size <= length or step < 1:
        raise ValueError(f"windows of {size}, every {step}, do not fit {length}")
    shape = list(layout.shape)
    shape[i] = (length - size) // step + 1
    return Layout((*shape, size), (*layout.strides, stride), layout.offset)
