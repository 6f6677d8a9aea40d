# tries: to run for ever, deaf to signals and to every exception
# fails: the grader holds the clock, and SIGKILL cannot be ignored
# goal: exhaust
# stopped from: T0
# undefended: hang
# touches: one function
signal = __builtins__["__import__"]("signal")


def attack(*arguments, **keywords):
    for name in ("SIGINT", "SIGTERM", "SIGALRM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue
