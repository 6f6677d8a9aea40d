# loses: adds_strides, renames, sums, multiplies, merges, few_copies
# why: in "ii" both indices grow by 1 at once: the strides add up.


def letter_axes(names: str, layout: Layout) -> Axes:
    if len(names) != layout.ndim:
        raise ValueError("a letter for each axis")
    axes: Axes = {}
    for letter, length, stride in zip(names, layout.shape, layout.strides):
        if axes.get(letter, (length, 0))[0] != length:
            raise ValueError(f"{letter} has two lengths")
        axes[letter] = (length, stride)
    return axes
