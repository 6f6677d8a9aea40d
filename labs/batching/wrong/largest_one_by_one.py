# loses: looks_seldom
# why: tries one size after the other.


def largest(latency: Latency, seconds: float, most: int) -> int:
    size = 0
    while size < most and latency(size + 1) <= seconds:
        size += 1
    return size
