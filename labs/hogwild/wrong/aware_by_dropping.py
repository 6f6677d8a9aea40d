# loses: arrives_late, no_slower, sparse_fast
# why: what missed more than one write is thrown away: that may be everything.


def aware_step(
    state: dict[str, Any], worker: int, keys: Array, gradient: Array, rate: float
) -> Array:
    missed = missed_writes(state, worker, keys)
    note_write(state, keys)
    return np.where(missed > 1, 0.0, -rate * gradient)
