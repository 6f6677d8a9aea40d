# loses: flattens, unflattens
# why: order "K" is that of the memory: a transposed matrix comes out column by column.


def flatten(arrays: Sequence[Array]) -> Array:
    return np.concatenate([array.ravel(order="K") for array in arrays])
