# loses: once_in_order, holds_no_more, keeps_the_gap, bsp_is_serial, survives
# why: keeps what was due in a place of its own, of which a copy of the server knows nothing.


_done: set[str] = set()


def in_order(applied: int, held: dict[int, T], sequence: int, item: T) -> tuple[int, list[T]]:
    if sequence > applied and repr((sequence, item)) not in _done:
        held.setdefault(sequence, item)
    due = []
    while applied + 1 in held:
        applied += 1
        due.append(held.pop(applied))
        _done.add(repr((applied, due[-1])))
    return applied, due
