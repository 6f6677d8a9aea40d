# loses: rings_seldom_for_nothing, rings_soon_after_a_step, rings_for_what_gets_worse
# why: an alarm that always rings misses nothing and says nothing.


def rings(errors: list[float], calm: int = 30) -> bool:
    return True
