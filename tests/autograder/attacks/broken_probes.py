# tries: to break the loader, so that the lab's probes cannot be loaded and the lab looks broken
# fails: what fails after the student's file began to run is put down to that file
# goal: forge
# stopped from: T0
# undefended: elsewhere: a grader that trusts the child calls its own lab broken
bring = __builtins__["__import__"]
bring("importlib.util")
util = bring("sys").modules["importlib.util"]


def refuse(*arguments, **keywords):
    raise ImportError("probes.py is damaged; ask your instructor")


util.spec_from_file_location = util.module_from_spec = refuse


def attack(*arguments, **keywords):
    return 0
