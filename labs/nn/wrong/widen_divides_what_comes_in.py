# loses: wider_layers_compute_the_same
# why: half of a unit's input is half of its output only for ReLU; this network has GELU.


def widen(state: State, first: str, second: str, copies: Sequence[int]) -> State:
    times = np.bincount(copies, minlength=len(state[f"{first}.bias"])).astype(np.float32)
    if not times.all():
        raise ValueError(copies)
    return {
        **state,
        f"{first}.weight": (state[f"{first}.weight"] / times[:, None])[copies],
        f"{first}.bias": (state[f"{first}.bias"] / times)[copies],
        f"{second}.weight": state[f"{second}.weight"][:, copies],
    }
