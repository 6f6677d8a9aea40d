# loses: steps, loses_nothing, touches_little
# why: a new vector is returned, and the shared one stays as it was.


def sparse_step(weights: Array, keys: Array, values: Array, target: float, rate: float) -> None:
    new = weights[:].copy()
    new[keys] -= rate * (values @ new[keys] - target) * values
    return new
