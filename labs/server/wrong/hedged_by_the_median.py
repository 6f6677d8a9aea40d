# loses: tail_is_cut, adapts
# why: half of all is late, so the budget is spent on answers that were about to come.


def _solution_patience(state: dict[str, Any]) -> float | None:
    seconds = state.get("seconds", [])
    return float(np.quantile(seconds[-100:], 0.5)) if len(seconds) >= 20 else None
