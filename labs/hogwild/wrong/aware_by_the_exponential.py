# loses: arrives_late, no_slower, sparse_fast
# why: it never diverges, for it hardly moves.


def aware_step(
    state: dict[str, Any], worker: int, keys: Array, gradient: Array, rate: float
) -> Array:
    missed = missed_writes(state, worker, keys)
    note_write(state, keys)
    return -rate * gradient * np.exp(-missed)
