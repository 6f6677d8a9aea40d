# tries: an array whose comparisons, and every NumPy function asked about it, answer yes
# fails: only dtype, shape and elements cross the pipe, and arrive as a plain array
# goal: forge
# stopped from: T0
# undefended: points: for every comparison
numpy = __builtins__["__import__"]("numpy")


class Equal(numpy.ndarray):
    def __array_ufunc__(self, *arguments, **keywords):
        return numpy.True_

    def __array_function__(self, *arguments, **keywords):
        return True

    def __eq__(self, other):
        return True


def attack(*arguments, **keywords):
    return numpy.full((3,), -987_654_321.0).view(Equal)
