# loses: load_is_bounded
# why: lateness is learned, but in the time until it has been, everything is asked twice.


def _solution_may_hedge(state: dict[str, Any]) -> bool:
    return True
