# loses: heads_are_slices, heads_work_side_by_side
# why: the shape is right, but a reshape never moves a number: heads get a mix of tokens.


def split_heads(packed: Any, heads: int) -> tuple[Any, Any, Any]:
    *batch, T, three_widths = packed.shape
    q, k, v = np.split(packed, 3, axis=-1)
    shape = (*batch, heads, T, three_widths // (3 * heads))
    return q.reshape(shape), k.reshape(shape), v.reshape(shape)
