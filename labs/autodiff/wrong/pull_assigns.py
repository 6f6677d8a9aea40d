# loses: adds_up_what_arrives
# why: assigning keeps only the last of the pieces that arrive at a node.


def pull_back(node: Node, rule: Rule, g: Value, value: Callable[[Node], Value]) -> None:
    values = [value(x) for x in node.inputs]
    for x, piece in zip(node.inputs, rule.pull(g, value(node), node, values), strict=True):
        if piece is not None:
            x.grad = unbroadcast(piece, x.data.shape)
