# loses: where_an_element_lies, from_lowest_to_highest
# why: a view may begin in the middle; along a negative stride the first element is the highest.


def position(layout: Layout, index: Sequence[int]) -> int:
    if len(index) != layout.ndim:
        raise IndexError(f"expected {layout.ndim} indices")
    places = map(resolved, index, layout.shape)
    return sum(i * stride for i, stride in zip(places, layout.strides))


def extent(layout: Layout) -> range:
    if layout.size == 0:
        return range(0)
    last = layout.offset + sum((n - 1) * s for n, s in zip(layout.shape, layout.strides))
    return range(layout.offset, last + 1)
