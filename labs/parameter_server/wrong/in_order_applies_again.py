# loses: once_in_order, holds_no_more, bsp_is_serial, survives
# why: what came before is due once more.


def in_order(applied: int, held: dict[int, T], sequence: int, item: T) -> tuple[int, list[T]]:
    if sequence <= applied:
        return applied, [item]
    held[sequence] = item
    due = []
    while applied + 1 in held:
        applied += 1
        due.append(held.pop(applied))
    return applied, due
