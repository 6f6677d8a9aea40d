# loses: validate_names_bad_columns
# why: whole numbers are numbers; a batch of them is refused as the wrong type.


def validate(orders: Orders) -> list[Problem]:
    problems = []
    for column, (low, high) in SCHEMA.items():
        values = getattr(orders, column)
        if len(values) != len(orders):
            problems.append(Problem(Fault.LENGTH, column, abs(len(values) - len(orders))))
        elif values.dtype.kind != "f":
            problems.append(Problem(Fault.TYPE, column, len(values)))
        else:
            missing = np.isnan(values)
            outside = (values < low) | (values > high)
            for fault, bad in ((Fault.MISSING, missing), (Fault.RANGE, outside)):
                if bad.any():
                    problems.append(Problem(fault, column, int(bad.sum())))
    return problems
