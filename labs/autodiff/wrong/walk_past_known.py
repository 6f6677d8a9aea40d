# loses: stops_where_no_gradient_is_wanted
# why: known nodes are dropped from the finished list, but what lies behind them stays in it.


def topological_order(output: Node, known: Iterable[Node] = ()) -> list[Node]:
    order, seen, stack = [], set(), [(output, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(x, False) for x in node.inputs if x.requires_grad]
    known = set(known)
    return [node for node in order if node not in known]
