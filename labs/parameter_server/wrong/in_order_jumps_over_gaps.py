# loses: once_in_order, holds_no_more, keeps_the_gap, bsp_is_serial, survives
# why: whatever is newer is due at once.


def in_order(applied: int, held: dict[int, T], sequence: int, item: T) -> tuple[int, list[T]]:
    if sequence <= applied:
        return applied, []
    return sequence, [item]
