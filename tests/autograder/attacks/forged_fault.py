# tries: to have its failure taken for a fault of the grader's, which costs no marks
# fails: which probes there are is known outside; a name that a child sends decides nothing
# goal: forge
# stopped from: T0
# undefended: elsewhere: a grader that believes the name calls its own lab broken
class NoProbe(Exception):
    pass


def attack(*arguments, **keywords):
    raise NoProbe("both")
