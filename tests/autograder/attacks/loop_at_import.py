# tries: to keep the grader waiting before a check can begin
# fails: loading has a limit of wall time, and it is tried once, not once a check
# goal: exhaust
# stopped from: T0
# undefended: hang
while True:
    pass
