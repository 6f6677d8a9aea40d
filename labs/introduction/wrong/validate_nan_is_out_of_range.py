# loses: validate_names_bad_rows
# why: NaN is not inside the range either, so each missing value is named twice.


def validate(orders: Orders) -> list[Problem]:
    problems = []
    for column, (low, high) in SCHEMA.items():
        values = getattr(orders, column)
        if len(values) != len(orders):
            problems.append(Problem(Fault.LENGTH, column, abs(len(values) - len(orders))))
        elif values.dtype.kind not in "iuf":
            problems.append(Problem(Fault.TYPE, column, len(values)))
        else:
            missing = np.isnan(values)
            outside = ~((values >= low) & (values <= high))
            for fault, bad in ((Fault.MISSING, missing), (Fault.RANGE, outside)):
                if bad.any():
                    problems.append(Problem(fault, column, int(bad.sum())))
    return problems
