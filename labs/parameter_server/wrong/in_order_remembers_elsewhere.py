# loses: survives
# why: keeps how far it has come in a place of its own, of which a copy of the server knows nothing.


_reached: list[list[Any]] = []  # pairs of a sender's dictionary and what was due last


def in_order(applied: int, held: dict[int, T], sequence: int, item: T) -> tuple[int, list[T]]:
    mine = next((pair for pair in _reached if pair[0] is held), None)
    if mine is None:
        _reached.append(mine := [held, applied])
    if sequence > mine[1]:
        held[sequence] = item
    due = []
    while mine[1] + 1 in held:
        mine[1] += 1
        due.append(held.pop(mine[1]))
    return mine[1], due
