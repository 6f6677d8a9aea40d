"""Overlap: do two views touch the same element, and does one view touch an element twice?

Writing through views is where it matters: ``x[1:] = x[:-1]`` must not read what it has just
written, and a row that is broadcast four times has no four places to write to. Deciding exactly
whether two layouts meet means solving an equation in bounded integers, which is NP-hard in the
number of axes. So there is a quick test, which may say yes in error but never no, and
enumeration, which is exact and takes as long as the views are large.
Source: the documentation of ``numpy.may_share_memory`` and ``numpy.shares_memory``.
"""

from __future__ import annotations

import math

import numpy as np

from mlsys.foundations.tensor.layout import Layout, extent, positions


def may_overlap(a: Layout, b: Layout) -> bool:
    """Whether two layouts over one buffer may touch the same position; False is certain.

    They cannot if their extents are apart, or if no combination of the strides makes up the
    difference of the offsets.

    >>> may_overlap(Layout((4,), (2,), 0), Layout((4,), (2,), 1))   # even and odd
    False
    """
    one, two = extent(a), extent(b)
    if not one or not two or one.stop <= two.start or two.stop <= one.start:
        return False
    step = math.gcd(*a.strides, *b.strides)
    apart = a.offset - b.offset
    return apart % step == 0 if step else apart == 0


def overlaps(a: Layout, b: Layout) -> bool:
    """Whether two layouts over one buffer touch the same position: exact, by enumeration."""
    return bool(np.intersect1d(positions(a), positions(b)).size)


def repeats(layout: Layout) -> bool:
    """Whether two indices name the same position, so that what is written may be overwritten.

    Sorted by stride, axes that each step over all that the smaller ones reach cannot meet; only
    where that fails are the positions enumerated.

    >>> repeats(Layout((4, 3), (0, 1))), repeats(Layout((3, 2), (1, 3)))
    (True, False)
    """
    reach = 0
    for stride, length in sorted((abs(s), n) for n, s in zip(layout.shape, layout.strides)):
        if length > 1 and stride <= reach:
            return bool(np.unique(positions(layout)).size < layout.size)
        reach += (length - 1) * stride
    return False
