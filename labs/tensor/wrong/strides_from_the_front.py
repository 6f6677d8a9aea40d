# loses: strides_without_a_gap, sums, multiplies, sums_first, merges, no_copy, few_copies
# why: column after column, so that the first axis is the fastest.


def contiguous_strides(shape: Shape) -> Shape:
    strides, step = [], 1
    for length in shape:
        strides.append(step)
        step *= max(length, 1)
    return tuple(strides)
