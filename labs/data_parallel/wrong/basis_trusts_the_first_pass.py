# loses: columns_are_orthonormal
# why: the products are taken of the columns as they came: what rounding leaves stays.


def orthonormal(columns: Array) -> Array:
    basis = columns.astype(np.float64)
    for k in range(basis.shape[1]):
        length = np.linalg.norm(basis[:, k])
        basis[:, k] -= basis[:, :k] @ (basis[:, :k].T @ basis[:, k])
        rest = np.linalg.norm(basis[:, k])
        basis[:, k] = basis[:, k] / rest if rest > 1e-12 * length else 0.0
    return basis
