# keeps: all
# how: a Counter of writes; one component at a time; the step of Zhang et al., rate / max(1, tau).

from collections import Counter


def begin_counting(size: int) -> dict[str, Any]:
    return {"written": Counter(), "seen": {}}


def note_read(state: dict[str, Any], worker: int, keys: Array) -> None:
    state["seen"][worker] = {int(key): state["written"][int(key)] for key in keys}


def note_write(state: dict[str, Any], keys: Array) -> None:
    state["written"].update(int(key) for key in keys)


def missed_writes(state: dict[str, Any], worker: int, keys: Array) -> Array:
    seen = state["seen"][worker]
    return np.array([state["written"][int(key)] - seen[int(key)] for key in keys], np.int64)


def aware_step(
    state: dict[str, Any], worker: int, keys: Array, gradient: Array, rate: float
) -> Array:
    missed = missed_writes(state, worker, keys)
    note_write(state, keys)
    return -(rate / np.maximum(1, missed)) * gradient


def sparse_step(weights: Array, keys: Array, values: Array, target: float, rate: float) -> None:
    error = sum(float(weights[key]) * value for key, value in zip(keys, values)) - target
    for key, value in zip(keys, values):
        weights[key] -= rate * error * value


def interleaved(
    weights: Array,
    examples: Sequence[Example],
    delays: Sequence[int],
    rate: float,
    overwrite: bool = False,
) -> Array:
    now, past = weights.copy(), [weights.copy()]
    for k, (keys, values, target) in enumerate(examples):
        old = past[k - delays[k] if delays[k] <= k else 0]
        error = float(np.dot(old[keys], values)) - target
        if overwrite:
            now = old.copy()
        for key, value in zip(keys, values):
            now[key] -= rate * error * value
        past.append(now.copy())
    return now


def conflicts(keys: Sequence[Array], size: int) -> tuple[int, float, float]:
    sets = [set(edge.tolist()) for edge in keys]
    most = max(sum(component in edge for edge in sets) for component in range(size))
    meets = max(sum(not edge.isdisjoint(other) for other in sets) for edge in sets)
    return max(map(len, sets)), most / len(sets), meets / len(sets)
