# loses: serial_without_delay, adds_to_the_present, overwriting_loses
# why: delay 0 reads what was there before the step before.


def interleaved(
    weights: Array,
    examples: Sequence[Example],
    delays: Sequence[int],
    rate: float,
    overwrite: bool = False,
) -> Array:
    history = [weights.copy()]
    for k, ((keys, values, target), delay) in enumerate(zip(examples, delays)):
        old = history[max(0, k - delay - 1)]
        new = (old if overwrite else history[-1]).copy()
        new[keys] -= rate * (values @ old[keys] - target) * values
        history.append(new)
    return history[-1]
