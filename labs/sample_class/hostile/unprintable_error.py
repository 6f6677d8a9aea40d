# tries: an exception that exits when somebody asks for its message
# fails: the message is asked for in the child, which expects the worst
class Unprintable(Exception):
    def __str__(self):
        raise SystemExit(0)

    __repr__ = __str__


def attack(*arguments, **keywords):
    raise Unprintable
