# loses: counts_conflicts
# why: two examples that share two components are counted as two meetings.


def conflicts(keys: Sequence[Array], size: int) -> tuple[int, float, float]:
    uses = np.bincount(np.concatenate(keys), minlength=size)
    rho = max(sum(int(uses[c]) for c in edge) for edge in keys) / len(keys)
    return max(len(edge) for edge in keys), int(uses.max()) / len(keys), rho
