# loses: adapts
# why: late is three times the median of all times ever: a change is noticed far too late.


def _solution_patience(state: dict[str, Any]) -> float | None:
    seconds = state.get("seconds", [])
    return 3 * float(np.median(seconds)) if len(seconds) >= 10 else None
