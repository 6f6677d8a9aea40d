# loses: where_an_element_lies
# why: a view that begins in the middle has an offset.


def position(layout: Layout, index: Sequence[int]) -> int:
    if len(index) != layout.ndim:
        raise IndexError(f"expected {layout.ndim} indices")
    places = map(resolved, index, layout.shape)
    return sum(i * stride for i, stride in zip(places, layout.strides))
