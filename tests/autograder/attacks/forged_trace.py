# tries: to forge the trace by which the grader says where a program was, at great length
# fails: what is taken from a trace is one line number; the rest is text, and little of it is kept
# goal: forge
# stopped from: T0
# undefended: elsewhere: a script in the instructor's browser
# class: without it, which is slow
# touches: one function
os = __builtins__["__import__"]("os")


def attack(*arguments, **keywords):
    here = os.getcwd()
    os.write(2, b"\0loaded\0Stack (most recent call first):\n")
    for number in range(500):
        os.write(2, f'  File "{here}/target.py", line {number}9, in \x1b[2Jx\n'.encode())
    os.write(2, f'  File "{here}'.encode() * 500)
    while True:
        pass
