# tries: to become another program, one that sends every request back as if it were the reply
# fails: a request has not the shape of a reply, and a child that speaks otherwise is ended
# goal: forge
# stopped from: T0
# undefended: elsewhere: an echo is worth points where a check compares what it sent
# class: without it, which is slow
# touches: one function
os, stat, sys = map(__builtins__["__import__"], ("os", "stat", "sys"))
ECHO = "import os\nwhile data := os.read(0, 65536): os.write(1, data)"


def attack(*arguments, **keywords):
    pipes = []
    for descriptor in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                pipes.append(descriptor)
        except OSError:
            continue
    for place, descriptor in enumerate(pipes[:2]):
        os.dup2(descriptor, place)
    os.execv(sys.executable, [sys.executable, "-S", "-c", ECHO])
