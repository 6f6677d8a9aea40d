# keeps: all
# how: splits from a table of costs filled by the recurrence; the cost by r l - C(s + r, s + 1).


def minimal_forward_steps(length: int, slots: int) -> int:
    times, reach = 0, 1  # reach = C(slots + times, slots)
    while reach < length:
        times += 1
        reach = reach * (slots + times) // times
    return times * length - reach * times // (slots + 1)


def slots_needed(length: int, budget: int) -> int | None:
    low, high = 1, length
    while low < high:
        middle = (low + high) // 2
        if minimal_forward_steps(length, middle) <= budget:
            high = middle
        else:
            low = middle + 1
    return low if minimal_forward_steps(length, low) <= budget else None


def revolve(length: int, slots: int) -> list[list[Any]]:
    slots = min(slots, length)
    split = _splits(length, slots)
    plan, at, to_do, stored = [], 0, length, []
    while to_do:
        start, left = at, to_do - at
        if left == 1:
            plan.append(["backward", at])
            to_do -= 1
            if stored and stored[-1] == to_do:
                stored.pop()
                plan.append(["free", to_do])
            if stored:
                at = stored[-1]
                plan.append(["restore", at])
            continue
        if at not in stored:
            stored.append(at)
            plan.append(["store", at])
        at += split[slots - len(stored) + 1][left]
        plan.append(["advance", start, at])
    return plan


def _splits(length, slots):
    cost = [[0] * (length + 1) for _ in range(slots + 1)]
    best = [[0] * (length + 1) for _ in range(slots + 1)]
    for s in range(1, slots + 1):
        for n in range(2, length + 1):
            splits = range(n - 1 if s == 1 else 1, n)
            cost[s][n], best[s][n] = min((j + cost[s - 1][n - j] + cost[s][j], j) for j in splits)
    return best
