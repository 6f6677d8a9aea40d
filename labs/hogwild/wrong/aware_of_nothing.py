# loses: arrives_late, no_slower, sparse_fast
# why: the step of SGD, however old its gradient.


def aware_step(
    state: dict[str, Any], worker: int, keys: Array, gradient: Array, rate: float
) -> Array:
    note_write(state, keys)
    return -rate * gradient
