# loses: largest_in_time, looks_seldom, nobody_without_need
# why: a batch that takes exactly as long as there is, is not in time.


def largest(latency: Latency, seconds: float, most: int) -> int:
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if latency(middle) < seconds:
            low = middle
        else:
            high = middle - 1
    return low
