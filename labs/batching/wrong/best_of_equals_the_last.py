# loses: nobody_without_need
# why: passes over those who came first, for a batch that is no better.


def best_batch(latency: Latency, slack: Sequence[float], most: int) -> tuple[int, int]:
    best, rate = (0, 1), 0.0
    for first, seconds in enumerate(slack):
        size = largest(latency, seconds, min(most, len(slack) - first))
        if size and size / latency(size) >= rate:
            best, rate = (first, size), size / latency(size)
    return best
