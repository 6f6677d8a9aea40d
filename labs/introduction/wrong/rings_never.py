# loses: rings_seldom_for_nothing, rings_soon_after_a_step, rings_for_what_gets_worse
# why: silence has no false alarms, and no true ones.


def rings(errors: list[float], calm: int = 30) -> bool:
    return False
