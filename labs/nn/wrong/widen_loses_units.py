# loses: no_unit_is_lost
# why: nobody asks whether each old unit is still there.


def widen(state: State, first: str, second: str, copies: Sequence[int]) -> State:
    outgoing = state[f"{second}.weight"][:, copies]
    times = np.array([copies.count(c) for c in copies]).astype(outgoing.dtype)
    return {
        **state,
        f"{first}.weight": state[f"{first}.weight"][copies],
        f"{first}.bias": state[f"{first}.bias"][copies],
        f"{second}.weight": outgoing / times,
    }
