# loses: low_rank_is_exact, nothing_is_divided_by_zero
# why: a column of zeros has length 0, and after the division no number at all.


def orthonormal(columns: Array) -> Array:
    basis = columns.astype(np.float64)
    for k in range(basis.shape[1]):
        for _ in range(2):
            basis[:, k] -= basis[:, :k] @ (basis[:, :k].T @ basis[:, k])
        basis[:, k] /= np.linalg.norm(basis[:, k])
    return basis
