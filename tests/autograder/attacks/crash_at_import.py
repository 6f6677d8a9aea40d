# tries: to take the grader down with an exception while the file is loaded
# fails: the file is loaded in a child, and what it raises is the reason that is reported
# goal: exhaust
# stopped from: T0
# undefended: elsewhere: the end of a grader that loads the file itself
raise ZeroDivisionError("raised while the file was loaded")
