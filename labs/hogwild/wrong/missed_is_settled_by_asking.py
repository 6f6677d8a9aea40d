# loses: counts_missed, stays_small
# why: what was missed is forgotten when it is asked for, and not when it is read.


def missed_writes(state: dict[str, Any], worker: int, keys: Array) -> Array:
    missed = state["writes"][keys] - state["reads"][worker]
    state["reads"][worker] = state["writes"][keys]
    return missed
