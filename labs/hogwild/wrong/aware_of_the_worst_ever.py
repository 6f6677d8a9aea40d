# loses: no_slower, sparse_fast
# why: once somebody has missed much, all step little for ever.


def aware_step(
    state: dict[str, Any], worker: int, keys: Array, gradient: Array, rate: float
) -> Array:
    missed = missed_writes(state, worker, keys)
    note_write(state, keys)
    state["worst"] = max([state.get("worst", 0), *missed.tolist()])
    return -rate * gradient / (1 + state["worst"])
