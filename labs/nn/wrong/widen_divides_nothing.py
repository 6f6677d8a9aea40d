# loses: wider_layers_compute_the_same
# why: a unit with three copies is added three times.


def widen(state: State, first: str, second: str, copies: Sequence[int]) -> State:
    if set(copies) != set(range(len(state[f"{first}.bias"]))):
        raise ValueError(copies)
    return {
        **state,
        f"{first}.weight": state[f"{first}.weight"][copies],
        f"{first}.bias": state[f"{first}.bias"][copies],
        f"{second}.weight": state[f"{second}.weight"][:, copies],
    }
