# loses: best_in_time, nobody_without_need
# why: lazy: the first one sets the size, however little time it has.


def best_batch(latency: Latency, slack: Sequence[float], most: int) -> tuple[int, int]:
    return 0, largest(latency, slack[0], min(most, len(slack)))
