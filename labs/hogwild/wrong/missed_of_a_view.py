# loses: counts_missed, stays_small, arrives_late, no_slower, sparse_fast
# why: what a worker saw is the array of counts itself, which goes on: nothing is ever missed.


def note_read(state: dict[str, Any], worker: int, keys: Array) -> None:
    state["reads"][worker] = state["writes"]


def missed_writes(state: dict[str, Any], worker: int, keys: Array) -> Array:
    return state["writes"][keys] - state["reads"][worker][keys]
