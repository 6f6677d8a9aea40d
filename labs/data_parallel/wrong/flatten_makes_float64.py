# loses: flattens
# why: an array that is made without a dtype is float64, and twice as long on the wire.


def flatten(arrays: Sequence[Array]) -> Array:
    flat = np.zeros(sum(array.size for array in arrays))
    place = 0
    for array in arrays:
        flat[place : place + array.size] = array.reshape(-1)
        place += array.size
    return flat
