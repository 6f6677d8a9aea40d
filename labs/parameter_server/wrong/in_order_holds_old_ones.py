# loses: holds_no_more
# why: what comes again after it was due is held for ever.


def in_order(applied: int, held: dict[int, T], sequence: int, item: T) -> tuple[int, list[T]]:
    held[sequence] = item
    due = []
    while applied + 1 in held:
        applied += 1
        due.append(held.pop(applied))
    return applied, due
