# loses: second_chance_is_right
# why: the bits stay, so with all of them set nothing is found in the first round, and in none.


def second_chance(used: list[bool], hand: int) -> int:
    for step in range(len(used)):
        if not used[(hand + step) % len(used)]:
            return (hand + step) % len(used)
    return hand
