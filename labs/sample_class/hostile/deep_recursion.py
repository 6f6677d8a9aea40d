# tries: to exhaust the stack
# fails: the stack is the child's own; RecursionError is reported as any other error
def attack(*arguments, **keywords):
    return attack(*arguments, **keywords)
