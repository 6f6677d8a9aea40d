# keeps: all
# how: writes raise the counts of those that have read; the step falls as tau to the power 3/4.


def begin_counting(size: int) -> dict[str, Any]:
    return {"waiting": [{} for _ in range(size)]}


def note_read(state: dict[str, Any], worker: int, keys: Array) -> None:
    for readers in state["waiting"]:
        readers.pop(worker, None)
    for key in keys:
        state["waiting"][key][worker] = 0


def note_write(state: dict[str, Any], keys: Array) -> None:
    for key in keys:
        for reader in state["waiting"][key]:
            state["waiting"][key][reader] += 1


def missed_writes(state: dict[str, Any], worker: int, keys: Array) -> Array:
    return np.array([state["waiting"][key][worker] for key in keys], np.int64)


def aware_step(
    state: dict[str, Any], worker: int, keys: Array, gradient: Array, rate: float
) -> Array:
    missed = missed_writes(state, worker, keys)
    note_write(state, keys)
    return -rate * gradient * (1 + missed) ** -0.75
