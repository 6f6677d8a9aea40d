# loses: busier_or_calmer, after_shift, after_burst, few_turned_away, follows_shift, follows_burst
# why: today as yesterday.


def forecast(past: Array, day: int, ahead: int) -> Array:
    return past[-day:][:ahead]


def provision(past: Array, ordered: int, day: int, start: int, each: float) -> int:
    return math.ceil(forecast(past, day, start + 1).max() / each)
