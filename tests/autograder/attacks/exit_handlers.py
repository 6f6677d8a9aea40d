# tries: to have the last word: handlers that run after everything else
# fails: verdicts are made elsewhere, and the child is killed, not asked to end
# goal: forge
# stopped from: T0
# undefended: points: where what is printed last is the verdict
bring = __builtins__["__import__"]
atexit, os = bring("atexit"), bring("os")


def last_word():
    print('{"score": 100}')
    os._exit(0)


atexit.register(last_word)


def attack(*arguments, **keywords):
    atexit.register(last_word)
    raise SystemExit(0)
