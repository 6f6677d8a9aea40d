# loses: counts_missed, stays_small, plain_apart, sparse_fast
# why: one clock for all components: a write anywhere counts as missed.


def begin_counting(size: int) -> dict[str, Any]:
    return {"writes": 0, "reads": {}}


def note_read(state: dict[str, Any], worker: int, keys: Array) -> None:
    state["reads"][worker] = state["writes"]


def note_write(state: dict[str, Any], keys: Array) -> None:
    state["writes"] += 1


def missed_writes(state: dict[str, Any], worker: int, keys: Array) -> Array:
    return np.full(len(keys), state["writes"] - state["reads"][worker])
