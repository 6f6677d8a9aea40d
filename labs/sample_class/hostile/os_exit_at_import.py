# tries: to end the process at once, past every handler, with the status of success
# fails: no status of the process is read as a verdict, and the next student gets another process
__builtins__["__import__"]("os")._exit(0)
