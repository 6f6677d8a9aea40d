# loses: touches_little
# why: the example is laid out as a vector with zeros: right, and as dear as a dense one.


def sparse_step(weights: Array, keys: Array, values: Array, target: float, rate: float) -> None:
    dense = np.zeros(len(weights))
    dense[keys] = values
    weights[:] = weights - rate * (dense @ weights - target) * dense
