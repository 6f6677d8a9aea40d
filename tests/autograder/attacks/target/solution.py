"""The right answers, which no attack may see."""


def total(numbers: list[int]) -> int:
    """The sum of ``numbers``."""
    return sum(numbers)


def buffers(sizes: list[int]) -> list[int]:
    """Steps that use each buffer once and need little memory.

    k stands for the allocation of buffer k, counted from 1, and -k for its end.
    """
    return [step for k in range(1, len(sizes) + 1) for step in (k, -k)]


def schedule(seconds: list[float]) -> list[int]:
    """The lane, 0 or 1, of each task, so that both lanes are done early."""
    ends, lanes = [0.0, 0.0], []
    for duration in seconds:
        lanes.append(ends.index(min(ends)))
        ends[lanes[-1]] += duration
    return lanes


def doubled(values):
    """Twice the array ``values``."""
    return values * 2
