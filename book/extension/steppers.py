"""Pages that hold a stepper or a slider load its script and its style; no other does.

They are made by ``book/stepper.py`` and ``book/slider.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

MARKS = {"stepper": '<div class="stepper">', "slider": '<div class="slider">'}


def load(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add both files to the page that is about to be written."""
    for name, mark in MARKS.items():
        if mark in context.get("body", ""):
            app.add_css_file(f"{name}.css")
            app.add_js_file(f"{name}.js", loading_method="defer")


def setup(app: Sphinx) -> None:
    app.connect("html-page-context", load)
