# tries: to take the grader down with an exception while the file is loaded
# fails: the file is loaded in a child, and what it raises is the reason that is reported
raise ZeroDivisionError("raised while the file was loaded")
