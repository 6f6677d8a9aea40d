"""When is a gradient ready? When everything that was computed from its parameter has passed it on.

    loss ── w3 ── w2 ── w1          the walk back meets the last layer first: its gradient can
            │     │     │           travel while the others are computed
          ready  ready  ready

``Tensor.backward`` hands out gradients when the whole walk is over, and a walk may meet a leaf long
after its last piece has arrived. Here each leaf counts the nodes that will still add to its
gradient. A weight that is used twice (tied, or shared over time) is ready after the second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from operator import attrgetter

import numpy as np

from mlsys.foundations.autodiff import GraphError, Tensor, topological_order
from mlsys.foundations.autodiff.graph import Array, Node
from mlsys.foundations.autodiff.reverse import pull_back


def gradients(loss: Tensor, seed: float = 1.0) -> Iterator[tuple[Node, Array]]:
    """Each leaf and its gradient of ``seed * loss``, at the moment when it is complete.

    loss: of one element. Frees the graph behind it, and leaves no ``grad`` behind. The array
    belongs to the walk: copy it before going on.

    >>> w, b = Tensor([2.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    >>> [(leaf is b, g.tolist()) for leaf, g in gradients((w * 3.0 + b).sum())]
    [(True, [1.0]), (False, [3.0])]
    """
    if loss.rule is None or loss.size != 1:
        raise GraphError(
            f"gradients: expected the one number that a graph was recorded for, got a tensor of "
            f"shape {loss.shape}{'' if loss.rule else ' that nothing was recorded for'}"
        )
    order = topological_order(loss)
    ahead = Counter(x for node in order for x in node.inputs if x.rule is None and x.requires_grad)
    for leaf in ahead:
        leaf.grad = None
    loss.grad = np.full_like(loss.data, seed)
    while order:
        node = order.pop()
        rule = node.rule
        if rule is None:
            continue
        g, node.grad = node.grad, None
        pull_back(node, rule, g, attrgetter("data"))
        for x in node.inputs:
            if x in ahead:
                ahead[x] -= 1
                if not ahead[x]:
                    complete, x.grad = x.grad, None
                    yield x, np.asarray(complete)
        node.static, node.inputs = (), rule.freed
