"""The report: what a class did, on one HTML page that opens from disk and fetches nothing.

Read ``statistics`` first (which numbers are shown), then ``page`` (in what order), then
``sections`` and ``feedback`` (as what HTML); every text passes through ``markup``.
"""

from autograder.report.page import write_html

__all__ = ["write_html"]
