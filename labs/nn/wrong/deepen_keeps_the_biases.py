# loses: deeper_stacks_compute_the_same, new_blocks_are_their_own
# why: a linear layer of zeros still adds its bias.


def deepen(state: State, place: int) -> State:
    new: State = {}
    for name, array in state.items():
        word, *number = name.split(".", 2)
        if word != "blocks":
            new[name] = array
            continue
        i, rest = int(number[0]), number[1]
        new[f"blocks.{i + (i >= place)}.{rest}"] = array
        if i == place - 1:
            silent = rest in ("self_attn.out_proj.weight", "linear2.weight")
            new[f"blocks.{place}.{rest}"] = np.zeros_like(array) if silent else array.copy()
    return new
