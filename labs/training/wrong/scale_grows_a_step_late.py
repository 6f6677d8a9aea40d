# loses: grows_after_the_interval, grows_no_further_than_float32
# why: the step that is being counted is not in good_steps yet.


def next_scale(
    scale: float,
    good_steps: int,
    overflowed: bool,
    growth: float = 2.0,
    backoff: float = 0.5,
    interval: int = 2000,
) -> tuple[float, int]:
    if overflowed:
        return scale * backoff, 0
    if good_steps < interval:
        return scale, good_steps + 1
    grown = scale * growth
    return (grown if grown < 2.0**128 else scale), 0
