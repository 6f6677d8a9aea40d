# tries: an object that says yes to every comparison
# fails: a reply is plain data; an object cannot be sent
# goal: forge
# stopped from: T0
# undefended: points: for every comparison
class Equal:
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __eq__

    def __hash__(self):
        return 0

    def __len__(self):
        return 1

    def __iter__(self):
        return iter([self])

    def __getattr__(self, name):
        return self

    def __call__(self, *arguments, **keywords):
        return self


def attack(*arguments, **keywords):
    return Equal()
