# loses: new_blocks_are_their_own
# why: blocks.1 without its dot is the beginning of blocks.11 as well, whose copy comes last.


def deepen(state: State, place: int) -> State:
    new: State = {}
    for name, array in state.items():
        word, *number = name.split(".", 2)
        i = int(number[0]) if word == "blocks" else -1
        new[f"blocks.{i + 1}.{number[1]}" if i >= place else name] = array
    for name, array in state.items():
        if name.startswith(f"blocks.{place - 1}"):
            rest = name.split(".", 2)[2]
            silent = rest.startswith(("self_attn.out_proj.", "linear2."))
            new[f"blocks.{place}.{rest}"] = np.zeros_like(array) if silent else array.copy()
    return new
