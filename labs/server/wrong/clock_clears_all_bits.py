# loses: second_chance_is_right
# why: what the hand has not reached loses its chance as well.


def second_chance(used: list[bool], hand: int) -> int:
    order = [(hand + step) % len(used) for step in range(len(used))]
    place = next((each for each in order if not used[each]), hand)
    used[:] = [False] * len(used)
    return place
