"""What the grader asks of a student's file; no answer stands here."""

from __future__ import annotations

from collections import Counter


def bucket_ends(student, values, errors):
    """The bucket of each value, and the value that stands for this bucket."""
    pairs = list(zip(values.tolist(), errors.tolist(), strict=True))
    buckets = [student.bucket_of(value, error) for value, error in pairs]
    stand_ins = [
        student.bucket_value(bucket, error)
        for bucket, (_, error) in zip(buckets, pairs, strict=True)
    ]
    return [buckets, stand_ins]


def values_at(student, samples, places, error):
    """Count positive samples in buckets, in the order in which they come, and ask."""
    buckets = Counter(student.bucket_of(value, error) for value in samples.tolist())
    return [student.value_at(buckets, place, error) for place in places]


def price(student, name, *arguments):
    """A layer's cost, as [flops, parameters, activations]."""
    cost = getattr(student, name)(*arguments)
    return [cost.flops, cost.parameters, cost.activations]
