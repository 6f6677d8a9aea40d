# loses: plain_alone, plain_apart, no_slower, sparse_fast
# why: a step that is short enough for the worst delay, always.


def aware_step(
    state: dict[str, Any], worker: int, keys: Array, gradient: Array, rate: float
) -> Array:
    note_write(state, keys)
    return -rate * gradient / 32
