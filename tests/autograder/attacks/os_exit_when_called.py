# tries: to end the process in the middle of a check, so that nothing is left to compare
# fails: no reply is no point, and the next check starts a process of its own
# goal: forge
# stopped from: T0
# undefended: elsewhere: points where the status of the process is the verdict
def attack(*arguments, **keywords):
    __builtins__["__import__"]("os")._exit(0)
