# loses: arrives_late, no_slower, sparse_fast
# why: no write is noted, so no worker has ever missed one.


def aware_step(
    state: dict[str, Any], worker: int, keys: Array, gradient: Array, rate: float
) -> Array:
    return -rate * gradient / (1 + missed_writes(state, worker, keys))
