# loses: deeper_stacks_compute_the_same, new_blocks_are_their_own
# why: "blocks.10.norm1.weight" begins with "blocks.1", too.


def deepen(state: State, place: int) -> State:
    blocks = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
    new = dict(state)
    for i in reversed(range(place - 1, blocks)):
        for name in state:
            if name.startswith(f"blocks.{i}"):
                new[name.replace(f"blocks.{i}", f"blocks.{i + 1}", 1)] = state[name]
    for name in list(new):
        if name.startswith((f"blocks.{place}.self_attn.out_proj", f"blocks.{place}.linear2")):
            new[name] = np.zeros_like(new[name])
        elif name.startswith(f"blocks.{place}."):
            new[name] = new[name].copy()
    return new
