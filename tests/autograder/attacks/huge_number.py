# tries: an integer so long that printing it in a message of the grader raises an error
# fails: integers have a cap, below the digits that Python converts
# goal: exhaust
# stopped from: T0
# undefended: elsewhere: a crash of whoever prints it
def attack(*arguments, **keywords):
    return 1 << 30_000
