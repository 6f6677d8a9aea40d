# tries: to exhaust the stack
# fails: the stack is the child's own; RecursionError is reported as any other error
# goal: exhaust
# stopped from: T0
# undefended: elsewhere: the end of a grader that calls the function itself
def attack(*arguments, **keywords):
    return attack(*arguments, **keywords)
