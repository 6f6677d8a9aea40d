# loses: starts_are_few
# why: believes each step anew: what a busy one starts, the next one stops.


def provision(past: Array, ordered: int, day: int, start: int, each: float) -> int:
    usual = forecast(past[:-1], day, start + 2)
    news = past[-1] / usual[0]
    most = news * usual[1:].max() * (1 + 3.4 * _solution_noise(past, day))
    return math.ceil(most / each)
