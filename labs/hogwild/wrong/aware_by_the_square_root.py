# loses: arrives_late
# why: the root falls too slowly: what is stable shrinks as 1 / tau.


def aware_step(
    state: dict[str, Any], worker: int, keys: Array, gradient: Array, rate: float
) -> Array:
    missed = missed_writes(state, worker, keys)
    note_write(state, keys)
    return -rate * gradient / np.sqrt(1 + missed)
