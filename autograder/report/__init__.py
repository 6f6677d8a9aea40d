"""The report: a course as a folder of pages that open from disk and fetch nothing.

Read ``statistics`` first (which numbers are shown), then ``markup`` (the only way into a page),
``feedback`` (what a student reads), ``sections`` and ``pairs`` (what the staff reads) and ``site``
(which pages there are).
"""

from autograder.report.site import Site

__all__ = ["Site"]
