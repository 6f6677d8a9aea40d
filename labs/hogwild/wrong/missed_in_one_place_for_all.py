# loses: counts_missed, stays_small
# why: the writes are counted outside of the state, so that two vectors share one count.

_writes: dict[int, int] = {}


def begin_counting(size: int) -> dict[str, Any]:
    _writes.clear()
    return {"reads": {}}


def note_read(state: dict[str, Any], worker: int, keys: Array) -> None:
    state["reads"][worker] = [_writes.get(key, 0) for key in keys.tolist()]


def note_write(state: dict[str, Any], keys: Array) -> None:
    for key in keys.tolist():
        _writes[key] = _writes.get(key, 0) + 1


def missed_writes(state: dict[str, Any], worker: int, keys: Array) -> Array:
    pairs = zip(keys.tolist(), state["reads"][worker])
    return np.array([_writes.get(key, 0) - seen for key, seen in pairs], np.int64)
