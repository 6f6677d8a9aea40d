# loses: unflattens, averages_what_there_is, one_allreduce_a_bucket, agrees_whatever_comes_first, hides_behind_the_backward_pass, keeps_the_wire_busy
# why: gradients are written into copies, and zeros travel.


def unflatten(flat: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    pieces, place = [], 0
    for shape in shapes:
        size = math.prod(shape)
        pieces.append(flat[place : place + size].reshape(shape).copy())
        place += size
    return pieces
