# loses: from_lowest_to_highest
# why: along a negative stride the first element is the highest.


def extent(layout: Layout) -> range:
    if layout.size == 0:
        return range(0)
    last = layout.offset + sum((n - 1) * s for n, s in zip(layout.shape, layout.strides))
    return range(layout.offset, last + 1)
