# loses: alike_and_exact
# why: the gradient belongs to the caller, who finds it changed.


def power_sgd(
    comm: Communicator,
    gradients: Sequence[Array],
    state: dict[str, Any],
    rank: int,
    feedback: bool = True,
) -> list[Array]:
    small = [g.ndim == 2 and rank * sum(g.shape) < g.size for g in gradients]
    errors = state.setdefault("error", [np.zeros_like(g) for g in gradients])
    rights = state.setdefault(
        "right",
        [first_right(g.shape[1], rank) if s else None for g, s in zip(gradients, small)],
    )
    whole = [np.add(g, e, out=g) if g.ndim else g + e for g, e in zip(gradients, errors)]
    sketches = _solution_mean(comm, [m @ q if s else m for m, q, s in zip(whole, rights, small)])
    lefts = [orthonormal(p) if s else p for p, s in zip(sketches, small)]
    chosen = [k for k, s in enumerate(small) if s]
    for k, right in zip(chosen, _solution_mean(comm, [whole[k].T @ lefts[k] for k in chosen])):
        rights[k] = right
    averages = [p @ q.T if s else p for p, q, s in zip(lefts, rights, small)]
    if feedback:
        for k in chosen:
            errors[k] = whole[k] - averages[k]
    return averages
