# keeps: all
# how: Kahn's algorithm from the output, sums by reshaping, gradients owned and added in place.


def topological_order(output: Node, known: Iterable[Node] = ()) -> list[Node]:
    consumers, found, known = {output: 0}, [output], {id(node) for node in known}
    for node in found:
        for x in _sources(node, known):
            if x not in consumers:
                consumers[x] = 0
                found.append(x)
            consumers[x] += 1
    order = [output]
    for node in order:
        for x in _sources(node, known):
            consumers[x] -= 1
            if not consumers[x]:
                order.append(x)
    order.reverse()
    return order


def _sources(node, known):
    return [x for x in node.inputs if x.requires_grad and id(x) not in known]


def unbroadcast(g: Value, shape: tuple[int, ...]) -> Value:
    padded = (1,) * (g.ndim - len(shape)) + tuple(shape)
    for axis, n in enumerate(padded):
        if n == 1:
            g = np.add.reduce(g, axis=axis, keepdims=True)
    return np.reshape(g, shape)


def pull_back(node: Node, rule: Rule, g: Value, value: Callable[[Node], Value]) -> None:
    pieces = rule.pull(g, value(node), node, [value(x) for x in node.inputs])
    for x, piece in zip(node.inputs, pieces, strict=True):
        if x.requires_grad:
            total = np.zeros(np.shape(x.data)) if x.grad is None else np.array(x.grad)
            total += unbroadcast(piece, np.shape(x.data))
            x.grad = total


def normalize_vjp(g: Value, y: Value, x: Value, eps: float, saved: list[Array]) -> Value:
    n = x.shape[-1]
    scale = 1 / np.sqrt(x.var(-1) + eps)
    jacobian = np.eye(n) - 1 / n - y[..., :, None] * y[..., None, :] / n
    return (jacobian @ g[..., None])[..., 0] * scale[..., None]


def add_rows(g: Array, ids: Array, n: int) -> Array:
    out = np.zeros((n, g.shape[-1]))
    for row, i in zip(g.reshape(-1, g.shape[-1]), ids.ravel(), strict=True):
        out[i] += row
    return out
