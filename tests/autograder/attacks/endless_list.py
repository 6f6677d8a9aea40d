# tries: to send a list that says it is short and never ends
# fails: every value of a reply is counted, whatever its length claims
# goal: exhaust
# stopped from: T0
# undefended: hang: of whoever reads to the end
# touches: one function
class Endless(list):
    def __len__(self):
        return 1

    def __iter__(self):
        while True:
            yield 0


def attack(*arguments, **keywords):
    return Endless([0])
