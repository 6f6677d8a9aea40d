# tries: to leave with success in the middle of a check
# fails: the call has no value, so the check has no points
def attack(*arguments, **keywords):
    raise SystemExit(0)
