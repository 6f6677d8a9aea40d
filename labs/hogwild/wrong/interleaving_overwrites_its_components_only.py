# loses: overwriting_loses
# why: only the components of the example are put back as they were read.


def interleaved(
    weights: Array,
    examples: Sequence[Example],
    delays: Sequence[int],
    rate: float,
    overwrite: bool = False,
) -> Array:
    history = [weights.copy()]
    for k, ((keys, values, target), delay) in enumerate(zip(examples, delays)):
        old = history[max(0, k - delay)]
        new = history[-1].copy()
        if overwrite:
            new[keys] = old[keys]
        new[keys] -= rate * (values @ old[keys] - target) * values
        history.append(new)
    return history[-1]
