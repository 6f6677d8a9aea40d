# tries: to leave with success in the middle of a check
# fails: the call has no value, so the check has no points
# goal: forge
# stopped from: T0
# undefended: elsewhere: points where the status of the process is the verdict
def attack(*arguments, **keywords):
    raise SystemExit(0)
