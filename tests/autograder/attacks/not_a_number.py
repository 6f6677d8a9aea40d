# tries: a value that no comparison calls wrong, because no comparison with NaN is true
# fails: values must be close to what is expected, and NaN is close to nothing else
# goal: forge
# stopped from: T0
# undefended: elsewhere: points where a difference that is not above a limit passes
def attack(*arguments, **keywords):
    return float("nan")
