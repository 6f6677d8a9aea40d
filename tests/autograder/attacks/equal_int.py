# tries: an int that equals every number
# fails: only its value crosses the pipe, and arrives as a plain int
# goal: forge
# stopped from: T0
# undefended: points: for every comparison
class Equal(int):
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __hash__(self):
        return 0


def attack(*arguments, **keywords):
    return Equal(-987_654_321)
