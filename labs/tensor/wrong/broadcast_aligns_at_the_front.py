# loses: repeats_by_a_stride_of_0
# why: shapes are aligned at the last axis.


def broadcast_to(layout: Layout, shape: Shape) -> Layout:
    new = len(shape) - layout.ndim
    if new < 0 or any(n not in (1, m) for n, m in zip(layout.shape, shape)):
        raise ValueError(f"{layout.shape} cannot be repeated to {shape}")
    strides = [0 if n == 1 else step for n, step in zip(layout.shape, layout.strides)]
    return Layout(shape, (*strides, *[0] * new), layout.offset)
