# tries: to keep the grader waiting before a check can begin
# fails: loading has a limit of wall time, and it is tried once, not once a check
while True:
    pass
