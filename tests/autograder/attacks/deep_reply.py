# tries: to overflow the stack of whoever reads the reply: a list that contains itself
# fails: depth is counted on both sides, and a reply that is too deep is no plain data
# goal: exhaust
# stopped from: T0
# undefended: elsewhere: a crash of whoever prints or compares it
def attack(*arguments, **keywords):
    reply = []
    reply.append(reply)
    return reply
