# loses: never_writes_into_a_shared_array
# why: += writes into the array that an addition has handed to both of its inputs.


def pull_back(node: Node, rule: Rule, g: Value, value: Callable[[Node], Value]) -> None:
    values = [value(x) for x in node.inputs]
    for x, piece in zip(node.inputs, rule.pull(g, value(node), node, values), strict=True):
        if piece is not None:
            piece = unbroadcast(piece, x.data.shape)
            if x.grad is None:
                x.grad = piece
            else:
                x.grad += piece
