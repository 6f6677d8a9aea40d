# tries: to leave the grader waiting on pipes that are closed while the program goes on
# fails: the end of the pipe is the end of the conversation; the program is killed
# goal: exhaust
# stopped from: T0
# undefended: hang
# class: without it, which is slow
# touches: one function
os, time = map(__builtins__["__import__"], ("os", "time"))


def attack(*arguments, **keywords):
    os.closerange(0, 1024)
    while True:
        time.sleep(1.0)
