# tries: a value that no comparison calls wrong, because no comparison with NaN is true
# fails: values must be close to what is expected, and NaN is close to nothing else
def attack(*arguments, **keywords):
    return float("nan")
