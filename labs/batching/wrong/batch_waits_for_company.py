# loses: each_once, in_order, p99_in_time, tight_is_served, loose_is_served, rush_ends, goodput
# why: waits for full batches, and in the end for ever.


def next_batch(
    state: dict[Any, Any], now: float, waiting: Sequence[Waiting], models: dict[str, Model]
) -> tuple[list[int], list[int]]:
    for kind in models:
        line = [number for number, each, _ in waiting if each == kind]
        if len(line) >= 8:
            return line[:8], []
    return [], []
