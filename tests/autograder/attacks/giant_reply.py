# tries: to fill the grader's memory with one reply of 65 MiB
# fails: a value over the cap is refused on both sides before it is copied
# goal: exhaust
# stopped from: T0
# undefended: elsewhere: memory of the grader
# touches: one function
def attack(*arguments, **keywords):
    return bytes(65 * 2**20)
