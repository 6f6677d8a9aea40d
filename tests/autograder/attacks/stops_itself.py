# tries: to stand still without using any CPU time: it stops its own process
# fails: the grader waits on its own clock, and SIGKILL ends a stopped process too
# goal: exhaust
# stopped from: T0
# undefended: hang
# class: without it, which is slow
# touches: one function
signal, time = map(__builtins__["__import__"], ("signal", "time"))


def attack(*arguments, **keywords):
    while True:
        if hasattr(signal, "SIGSTOP"):
            signal.raise_signal(signal.SIGSTOP)
        time.sleep(0.01)  # the first process of a namespace cannot stop itself
