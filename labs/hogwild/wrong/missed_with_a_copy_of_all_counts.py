# loses: stays_small
# why: each worker keeps all counts as they were: workers times components.


def note_read(state: dict[str, Any], worker: int, keys: Array) -> None:
    state["reads"][worker] = state["writes"].copy()


def missed_writes(state: dict[str, Any], worker: int, keys: Array) -> Array:
    return state["writes"][keys] - state["reads"][worker][keys]
