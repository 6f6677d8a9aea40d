# tries: an answer that is plain and takes seconds to be printed, while nobody else gets a turn
# fails: a message quotes the beginning of an answer, and numbers in replies have few digits
# goal: exhaust
# stopped from: T0
# undefended: elsewhere: time-outs of others, where one process grades them all
# class: without it, which is slow
def attack(*arguments, **keywords):
    return [[(1 << 1000) - number for number in range(30_000)]]
