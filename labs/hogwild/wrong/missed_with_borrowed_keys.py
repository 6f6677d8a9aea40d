# loses: counts_missed, stays_small
# why: the array of keys is kept, not its numbers; the caller uses it again.


def begin_counting(size: int) -> dict[str, Any]:
    return {"writes": [], "reads": {}, "size": size}


def note_read(state: dict[str, Any], worker: int, keys: Array) -> None:
    state["reads"][worker] = len(state["writes"])


def note_write(state: dict[str, Any], keys: Array) -> None:
    state["writes"].append(keys)


def missed_writes(state: dict[str, Any], worker: int, keys: Array) -> Array:
    missed = np.zeros(state["size"], np.int64)
    for written in state["writes"][state["reads"][worker] :]:
        missed[written] += 1
    return missed[keys]
