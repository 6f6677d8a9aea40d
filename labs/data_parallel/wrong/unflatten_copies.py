# loses: agrees_on_order, averages, hides_buckets, keeps_busy, sends_no_more, unflattens
# why: gradients are written into copies, and zeros travel.


def unflatten(flat: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    pieces, place = [], 0
    for shape in shapes:
        size = math.prod(shape)
        pieces.append(flat[place : place + size].reshape(shape).copy())
        place += size
    return pieces
