# tries: plain data of a shape that no check expects, to make the check itself fall over
# fails: a check asks for the type first; even a check that falls over gives no points
# goal: forge
# stopped from: T0
# undefended: elsewhere: points where a check that falls over passes
def attack(*arguments, **keywords):
    return {"": [None, True, -0.0, "\x00", b"\xff", {"value": [[], {}]}, 1e308, float("inf")]}
