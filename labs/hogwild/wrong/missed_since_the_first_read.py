# loses: counts_missed, stays_small, arrives_late, no_slower, plain_alone, plain_apart, sparse_fast
# why: what was seen is noted once and never again.


def note_read(state: dict[str, Any], worker: int, keys: Array) -> None:
    state["reads"].setdefault(worker, state["writes"].copy())


def missed_writes(state: dict[str, Any], worker: int, keys: Array) -> Array:
    return state["writes"][keys] - state["reads"][worker][keys]
