"""Pages that hold a stepper (``book/stepper.py``) load its script and its style; no other does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

MARK = '<div class="stepper">'


def load(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add both files to the page that is about to be written."""
    if MARK in context.get("body", ""):
        app.add_css_file("stepper.css")
        app.add_js_file("stepper.js", loading_method="defer")


def setup(app: Sphinx) -> None:
    app.connect("html-page-context", load)
