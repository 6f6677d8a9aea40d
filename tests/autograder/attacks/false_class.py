# tries: an object that isinstance takes for an int, a list and a dict, to confuse the sender
# fails: the sender is the child's own; when it falls over, there is no reply
# goal: forge
# stopped from: T0
# undefended: elsewhere: an error of whoever trusts isinstance
class Int:
    __class__ = int


def attack(*arguments, **keywords):
    return Int()
