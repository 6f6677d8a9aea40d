# loses: adds_to_the_present, overwriting_loses
# why: the history holds the same array again and again: nobody reads old weights.


def interleaved(
    weights: Array,
    examples: Sequence[Example],
    delays: Sequence[int],
    rate: float,
    overwrite: bool = False,
) -> Array:
    weights = weights.copy()
    history = [weights]
    for k, ((keys, values, target), delay) in enumerate(zip(examples, delays)):
        old = history[max(0, k - delay)]
        change = rate * (values @ old[keys] - target) * values
        if overwrite:
            weights[:] = old
        weights[keys] -= change
        history.append(weights)
    return weights
