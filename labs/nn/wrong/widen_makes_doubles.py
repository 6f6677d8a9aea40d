# loses: all_operations_are_tidy
# why: float32 over an array of int64 is float64: twice the bytes, in one entry.


def widen(state: State, first: str, second: str, copies: Sequence[int]) -> State:
    times = np.bincount(copies, minlength=len(state[f"{first}.bias"]))
    if not times.all():
        raise ValueError(copies)
    return {
        **state,
        f"{first}.weight": state[f"{first}.weight"][copies],
        f"{first}.bias": state[f"{first}.bias"][copies],
        f"{second}.weight": (state[f"{second}.weight"] / times)[:, copies],
    }
