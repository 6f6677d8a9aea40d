# loses: new_blocks_are_their_own
# why: one array under two names: what one block learns, the other has learned.


def deepen(state: State, place: int) -> State:
    new = {name: array for name, array in state.items() if not name.startswith("blocks.")}
    for name, array in state.items():
        if name.startswith("blocks."):
            _, number, rest = name.split(".", 2)
            i = int(number)
            new[f"blocks.{i + (i >= place)}.{rest}"] = array
            if i == place - 1:
                silent = "out_proj" in rest or "linear2" in rest
                new[f"blocks.{place}.{rest}"] = np.zeros_like(array) if silent else array
    return new
