# loses: validate_names_bad_rows, validate_names_bad_columns
# why: returning at the first problem hides the others from whoever must mend the batch.


def validate(orders: Orders) -> list[Problem]:
    for column, (low, high) in SCHEMA.items():
        values = getattr(orders, column)
        if len(values) != len(orders):
            return [Problem(Fault.LENGTH, column, abs(len(values) - len(orders)))]
        if values.dtype.kind not in "iuf":
            return [Problem(Fault.TYPE, column, len(values))]
        missing = np.isnan(values)
        outside = (values < low) | (values > high)
        for fault, bad in ((Fault.MISSING, missing), (Fault.RANGE, outside)):
            if bad.any():
                return [Problem(fault, column, int(bad.sum()))]
    return []
