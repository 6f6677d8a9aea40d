"""What the grader asks of a student's file; no answer stands here."""


def totals(student, lists):
    """The total of each list."""
    return [student.total(numbers) for numbers in lists]
