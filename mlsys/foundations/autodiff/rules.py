"""The table: one entry an operator, its forward computation and its derivatives side by side.

Read an entry as mathematics. If y = f(a, b) and g is the gradient of the loss with respect to
y, then the line for ``a`` is g times the Jacobian of f in ``a``, which is never formed.
The derivatives use operators, methods and NumPy functions only. Run on arrays they give numbers;
run on nodes they are recorded, so every derivative has derivatives.

To add an operator, add an entry; tests/foundations/autodiff then checks it to second order.
"""

from __future__ import annotations

import operator

import numpy as np

from mlsys.foundations.autodiff import kernels
from mlsys.foundations.autodiff.graph import Rule, VariadicRule
from mlsys.foundations.autodiff.kernels import first_share, restored, rows, winners
from mlsys.foundations.autodiff.windows import fold as fold_array
from mlsys.foundations.autodiff.windows import max_pool as max_pool_array
from mlsys.foundations.autodiff.windows import pick as pick_array
from mlsys.foundations.autodiff.windows import unfold as unfold_array
from mlsys.foundations.autodiff.windows import unpool as unpool_array

_FITS = "shapes equal, or 1, in each trailing dimension"

# ---------------------------------------------------------------- arithmetic, element by element
# Python's operators, not NumPy's functions: the same on arrays, and much faster on single numbers.

add = Rule("add", operator.add, lambda g, y, a, b: g, lambda g, y, a, b: g, expects=_FITS)
subtract = Rule(
    "subtract", operator.sub, lambda g, y, a, b: g, lambda g, y, a, b: -g, expects=_FITS
)
multiply = Rule(
    "multiply", operator.mul, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a, expects=_FITS
)
divide = Rule(
    "divide",
    operator.truediv,
    lambda g, y, a, b: g / b,
    lambda g, y, a, b: -g * y / b,
    expects=_FITS,
)
maximum = Rule(
    "maximum",
    np.maximum,
    lambda g, y, a, b: g * first_share(a, b),
    lambda g, y, a, b: g * (1 - first_share(a, b)),
    expects=_FITS,
)
where = Rule(
    "where",
    lambda a, b, condition: np.where(condition, a, b),
    lambda g, y, a, b, condition: g * condition,
    lambda g, y, a, b, condition: g * ~condition,
    expects="a condition and two values that broadcast",
)
power = Rule(
    "power",
    kernels.power,
    lambda g, y, a, b: g * (b * a ** (b - 1)),
    lambda g, y, a, b: g * (y * np.log(a)),
    expects=_FITS,
)

# ---------------------------------------------------------------- functions of one variable

negative = Rule("negative", np.negative, lambda g, y, x: -g)
exp = Rule("exp", np.exp, lambda g, y, x: g * y)
log = Rule("log", np.log, lambda g, y, x: g / x)
sqrt = Rule("sqrt", np.sqrt, lambda g, y, x: g / (2 * y))
absolute = Rule("absolute", np.absolute, lambda g, y, x: g * np.sign(x))
tanh = Rule("tanh", np.tanh, lambda g, y, x: g * (1 - y * y))
sigmoid = Rule("sigmoid", kernels.sigmoid, lambda g, y, x: g * (y * (1 - y)))
relu = Rule("relu", lambda x: np.maximum(x, 0), lambda g, y, x: g * (y > 0))
softplus = Rule("softplus", lambda x: np.logaddexp(x, 0), lambda g, y, x: g * sigmoid(x))
gelu = Rule("gelu", kernels.gelu, lambda g, y, x: g * kernels.gelu_slope(x))

# ---------------------------------------------------------------- reductions

sum_ = Rule(
    "sum",
    lambda x, axis, keepdims: np.add.reduce(x, axis, keepdims=keepdims),
    lambda g, y, x, axis, keepdims: np.broadcast_to(restored(g, x, axis, keepdims), x.shape),
    expects="axes that the array has",
)
mean = Rule(
    "mean",
    lambda x, axis, keepdims: np.mean(x, axis, keepdims=keepdims),
    lambda g, y, x, axis, keepdims: np.broadcast_to(
        restored(g / (x.size / y.size), x, axis, keepdims), x.shape
    ),
    expects="axes that the array has",
)
max_ = Rule(
    "max",
    lambda x, axis, keepdims: np.maximum.reduce(x, axis, keepdims=keepdims),
    lambda g, y, x, axis, keepdims: (
        restored(g, x, axis, keepdims) * winners(x, restored(y, x, axis, keepdims), axis)
    ),
    expects="axes that the array has",
)
softmax = Rule(
    "softmax",
    kernels.softmax,
    lambda g, y, x, axis, mask: softmax_pull(g, y, static=(axis,)),
    expects="an axis that the array has, and a mask that broadcasts to it",
)
softmax_pull: Rule = Rule(
    "softmax_pull",  # an operator of its own, so that it may compute in place; symmetric in g
    kernels.softmax_pull,
    lambda h, d, g, y, axis: softmax_pull(h, y, static=(axis,)),
    lambda h, d, g, y, axis: (
        h * (g - (g * y).sum(axis, keepdims=True)) - g * (h * y).sum(axis, keepdims=True)
    ),
)
log_softmax = Rule(
    "log_softmax",
    kernels.log_softmax,
    lambda g, y, x, axis: g - np.exp(y) * g.sum(axis, keepdims=True),
    expects="an axis that the array has",
)
cross_entropy = Rule(
    "cross_entropy",
    kernels.cross_entropy,
    kernels.cross_entropy_vjp,
    expects="logits of shape (n, classes) and n integer labels from 0 to classes - 1",
)
normalize = Rule(
    "normalize",
    kernels.normalize,
    kernels.normalize_vjp,
    expects="an array with at least one axis",
)
affine = Rule(
    "affine",  # x w + b, one after the other element: what follows a normalisation
    kernels.affine,
    lambda g, y, x, w, b: g * w,
    lambda g, y, x, w, b: g * x,
    lambda g, y, x, w, b: g,
    expects=_FITS,
)

# ---------------------------------------------------------------- linear algebra

# Three products. The derivatives of each are among the three: a transpose is never copied.
matmul: Rule = Rule(
    "matmul",
    kernels.matmul,
    lambda g, y, a, b: matmul(g, b.swapaxes(-1, -2)),
    lambda g, y, a, b: kernels.matmul_pull(g, a, b),
    expects="(..., n, k) @ (..., k, m)",
)
matmul_nt = Rule(
    "matmul_nt",  # a b^T
    lambda a, b: np.matmul(a, b.swapaxes(-1, -2)),
    lambda g, y, a, b: g @ b,
    lambda g, y, a, b: g.swapaxes(-1, -2) @ a,
    expects="(..., n, k) and (..., m, k)",
)
matmul_tn = Rule(
    "matmul_tn",  # a^T b
    lambda a, b: np.matmul(a.swapaxes(-1, -2), b),
    lambda g, y, a, b: b @ g.swapaxes(-1, -2),
    lambda g, y, a, b: a @ g,
    expects="(..., k, n) and (..., k, m)",
)
linear = Rule(
    "linear",  # x W^T + b, the layer itself: one node, and the sum written into the product
    kernels.linear,
    lambda g, y, x, W, b: (rows(g) @ W).reshape(x.shape),
    lambda g, y, x, W, b: rows(g).swapaxes(0, 1) @ rows(x),
    lambda g, y, x, W, b: np.add.reduce(rows(g), 0),
    expects="x of shape (..., inputs), weight (outputs, inputs), bias (outputs,)",
)
filter_ = Rule(
    "filter",  # W applied to the columns of each image; its gradient sums over the images
    np.matmul,
    lambda g, y, W, columns: (columns @ g.swapaxes(1, 2)).sum(0).swapaxes(0, 1),
    lambda g, y, W, columns: W.swapaxes(0, 1) @ g,
    expects="kernels (k, c kh kw) and columns (n, c kh kw, places)",
)

# ---------------------------------------------------------------- the same numbers in another shape

reshape = Rule(
    "reshape",
    lambda x, shape: np.reshape(x, shape),
    lambda g, y, x, shape: g.reshape(x.shape),
    expects="a shape with as many elements",
)
transpose = Rule(
    "transpose",
    lambda x, axes: np.transpose(x, axes),
    lambda g, y, x, axes: g.transpose(*np.argsort(axes)),
    expects="each axis once",
)
broadcast_to = Rule(
    "broadcast_to",
    lambda x, shape: np.broadcast_to(x, shape),
    lambda g, y, x, shape: g,  # the walk sums what was repeated
    expects="a shape that the array broadcasts to",
)
concatenate = VariadicRule(
    "concatenate",
    lambda *xs_axis: np.concatenate(xs_axis[:-1], xs_axis[-1]),
    lambda i, g, y, *xs_axis: g[kernels.its_part(i, xs_axis[:-1], xs_axis[-1])],
    expects="arrays equal in every dimension but the axis",
)

# Pairs of linear operators, each the adjoint of the other: differentiate one, get the other.
getitem = Rule(
    "getitem",
    lambda x, index: x[index],
    lambda g, y, x, index: put(g, static=(index, x.shape)),
    expects="an index inside the array",
)
put: Rule = Rule(
    "put",  # zeros of a shape, with g added at an index; repeated positions add up
    kernels.put,
    lambda h, y, g, index, shape: h[index],
    expects="values of the shape of the indexed part",
)
embed = Rule(
    "embed",
    kernels.embed,
    lambda g, y, W, ids: add_rows(g, static=(ids, len(W))),
    expects="a table (rows, d) and integer ids below rows",
)
add_rows: Rule = Rule(
    "add_rows",
    kernels.add_rows,
    lambda h, y, g, ids, n: embed(h, static=(ids,)),
    expects="one row of gradients for each id",
)
max_pool = Rule(
    "max_pool",  # windows side by side; saved: which element of each won, the first of equals
    max_pool_array,
    lambda g, y, x, size, saved: unpool(g, static=(saved[0], size)),
    expects="images (n, channels, height, width), height and width multiples of the size",
)
unpool: Rule = Rule(
    "unpool",  # each value to the place of its window's winner, zeros elsewhere
    unpool_array,
    lambda h, y, g, winners, size: pick(h, static=(winners, size)),
)
pick: Rule = Rule(
    "pick",  # of each window, the element that won
    pick_array,
    lambda g, y, x, winners, size: unpool(g, static=(winners, size)),
)
unfold = Rule(
    "unfold",
    unfold_array,
    lambda g, y, x, window: fold(g, static=(x.shape, window)),
    expects="images (n, channels, height, width) at least as large as the kernel",
)
fold: Rule = Rule(
    "fold",
    fold_array,
    lambda h, y, columns, shape, window: unfold(h, static=(window,)),
    expects="columns (n, channels * kernel area, positions)",
)

RULES = {rule.name: rule for rule in list(globals().values()) if isinstance(rule, Rule)}
