"""What the grader asks of a student's file; no answer stands here."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlsys.distributed.cluster.plain import endpoint


def rank(
    talk: Any, student: Any, function: str, rank: int, size: int, array: Any, op: str, *more: Any
) -> Any:
    """A collective on one rank: what has become of its array."""
    given = [] if function == "allgather" else [getattr(np, op), *more]
    getattr(student, function)(endpoint(talk, rank, size), array, *given)
    return array
