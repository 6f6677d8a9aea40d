# loses: plans_run_and_give_the_gradient, plans_run_no_step_too_often
# why: x_0 was not counted, but it lies in a slot like every other state.


def revolve(length: int, slots: int) -> list[list[Any]]:
    plan: list[list[Any]] = []
    _solution_reverse(plan, 0, length, slots + 1)
    return plan
