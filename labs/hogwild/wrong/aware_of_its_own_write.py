# loses: plain_alone, plain_apart
# why: the write is noted before it is asked what was missed, and counts itself.


def aware_step(
    state: dict[str, Any], worker: int, keys: Array, gradient: Array, rate: float
) -> Array:
    note_write(state, keys)
    return -rate * gradient / (1 + missed_writes(state, worker, keys))
