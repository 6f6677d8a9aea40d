# tries: an exception that exits when somebody asks for its message
# fails: the message is asked for in the child, which expects the worst
# goal: exhaust
# stopped from: T0
# undefended: elsewhere: the end of a grader that prints it
class Unprintable(Exception):
    def __str__(self):
        raise SystemExit(0)

    __repr__ = __str__


def attack(*arguments, **keywords):
    raise Unprintable
