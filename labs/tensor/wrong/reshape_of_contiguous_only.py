# loses: a_view_where_there_is_one
# why: a slice has views of other shapes, too; only some reshapes of it need a copy.


def reshaped_strides(shape: Shape, strides: Shape, target: Shape) -> Shape | None:
    if len(collapse(shape, strides)) > 1:
        return None
    runs = collapse(shape, strides) or [(1, (1,))]
    return tuple(runs[0][1][0] * step for step in contiguous_strides(target))
