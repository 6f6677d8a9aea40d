# loses: grows_no_further_than_float32
# why: in float32, which the scale is multiplied in, 2 ** 128 is infinite.


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
    if good_steps + 1 < interval:
        return scale, good_steps + 1
    return scale * growth, 0
