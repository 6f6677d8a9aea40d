# loses: second_chance_is_right
# why: the hand moves before it looks.


def second_chance(used: list[bool], hand: int) -> int:
    hand = (hand + 1) % len(used)
    while used[hand]:
        used[hand] = False
        hand = (hand + 1) % len(used)
    return hand
