# loses: deeper_stacks_compute_the_same, new_blocks_are_their_own
# why: re.search looks inside a name, too: decoder.blocks.1 is no block of this stack.

import re


def deepen(state: State, place: int) -> State:
    new: State = {}
    for name, array in state.items():
        found = re.search(r"blocks\.(\d+)\.(.*)", name)
        i = int(found[1]) if found else -1
        new[f"blocks.{i + 1}.{found[2]}" if found and i >= place else name] = array
        if found and i == place - 1:
            silent = found[2].startswith(("self_attn.out_proj.", "linear2."))
            new[f"blocks.{place}.{found[2]}"] = np.zeros_like(array) if silent else array.copy()
    return new
