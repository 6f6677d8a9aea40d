# tries: to end the process at once, past every handler, with the status of success
# fails: no status of the process is read as a verdict, and the next student gets another process
# goal: forge
# stopped from: T0
# undefended: elsewhere: points where the status of the process is the verdict
__builtins__["__import__"]("os")._exit(0)
