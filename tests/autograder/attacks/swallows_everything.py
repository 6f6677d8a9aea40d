# tries: to turn every failure of its own into an answer that looks cheerful
# fails: an answer earns points for being right, not for being there
# goal: forge
# stopped from: T0
# undefended: elsewhere: points where no error means right
def attack(*arguments, **keywords):
    try:
        raise NotImplementedError
    except BaseException:
        return "all tests passed"
