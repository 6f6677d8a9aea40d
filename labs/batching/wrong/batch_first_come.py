# loses: p99_in_time, tight_is_served, loose_is_served, rush_ends, goodput
# why: whoever came first, with up to seven others of its kind; nobody is given up.


def next_batch(
    state: dict[Any, Any], now: float, waiting: Sequence[Waiting], models: dict[str, Model]
) -> tuple[list[int], list[int]]:
    kind = waiting[0][1]
    return [number for number, each, _ in waiting if each == kind][:8], []
