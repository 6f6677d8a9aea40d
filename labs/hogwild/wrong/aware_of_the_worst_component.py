# loses: sparse_fast
# why: all components step as little as the one that has missed most.


def aware_step(
    state: dict[str, Any], worker: int, keys: Array, gradient: Array, rate: float
) -> Array:
    missed = missed_writes(state, worker, keys)
    note_write(state, keys)
    return -rate * gradient / (1 + max(missed, default=0))
