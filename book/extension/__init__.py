"""What this book adds to Jupyter Book, one idea a file.

Read them in this order: ``kernels`` (how cells run), ``mathml`` (formulas at build time),
``listings`` (each listing links to its source), ``drawings`` (figures that follow the page's
colours), ``steppers`` (runs that a reader walks through), ``records`` (the data files and their
laws), ``tables`` (the directives that show them), ``site`` (the folder that is published).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Register every part with Sphinx."""
    from extension import drawings, kernels, listings, mathml, steppers, tables

    # Jupyter Book always sets this value of an extension which this book does not load.
    app.add_config_value("comments_config", {}, "")
    for part in (kernels, mathml, listings, drawings, steppers, tables):
        part.setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
