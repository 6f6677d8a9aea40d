# tries: to make every comparison of json, NumPy and the built-ins succeed
# fails: what is patched is the child's copy; the grader compares with its own
# goal: forge
# stopped from: T0
# undefended: points: for every comparison
bring = __builtins__["__import__"]
json, builtins = bring("json"), bring("builtins")
json.dumps = json.dump = lambda *arguments, **keywords: '{"score": 100}'


def attack(*arguments, **keywords):
    numpy = bring("sys").modules.get("numpy", json)  # where the lab allows it
    for name in ("allclose", "isclose", "array_equal", "array_equiv", "all", "equal"):
        setattr(numpy, name, lambda *arguments, **keywords: True)
    builtins.all = builtins.any = builtins.isinstance = lambda *arguments: True
    builtins.len = lambda value: 0
    return True
