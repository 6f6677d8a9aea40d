# loses: counts_conflicts
# why: an example is not counted among those that meet it.


def conflicts(keys: Sequence[Array], size: int) -> tuple[int, float, float]:
    sets = [set(edge.tolist()) for edge in keys]
    uses = np.bincount(np.concatenate(keys), minlength=size)
    rho = max(sum(bool(a & b) for b in sets) - 1 for a in sets) / len(keys)
    return max(map(len, sets)), int(uses.max()) / len(keys), rho
