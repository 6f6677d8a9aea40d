"""Executed figures are placed in the page as SVG, so that their ink follows light and dark.

``figures.py`` draws text, axes and grid in three fixed colours. Here they become the page's own
(CSS variables with those colours as the fallback); everything else in the drawing stays as it is.
An executed figure without alternative text or caption is a warning at its place.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import TYPE_CHECKING

import figures
from docutils import nodes
from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

log = logging.getLogger(__name__)
VARIABLES = {
    figures.INK: "--figure-ink",
    figures.MUTED: "--figure-muted",
    figures.GRID: "--figure-grid",
    figures.PAPER: "--figure-paper",
}
EXECUTED = "jupyter_execute"


def themed(svg: str, alt: str) -> str:
    """The ``<svg>`` element alone, with the page's colours and its description."""
    body = svg[svg.index("<svg") :]
    for colour, variable in VARIABLES.items():
        body = re.sub(rf"(?<=: )({colour})\b", rf"var({variable}, \1)", body, flags=re.I)
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.S)
    attributes = f'role="img" aria-label="{html.escape(alt, quote=True)}" class="drawing"'
    return body.replace("<svg", f"<svg {attributes}", 1)


def unique_ids(svg: str, prefix: str) -> str:
    """Rename the ids within a drawing, so that two drawings on a page do not share any."""
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r'(xlink:href|href)="#([^"]+)"', rf'\1="#{prefix}-\2"', svg)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)


def visit_image(self: HTML5Translator, node: nodes.image) -> None:
    path = Path(self.builder.env.srcdir) / node["uri"]
    inline = EXECUTED in path.parts and path.suffix == ".svg" and path.exists()
    if not inline:
        return type(self).visit_image(self, node)
    svg = themed(path.read_text(encoding="utf-8"), node.get("alt", ""))
    self.body.append(unique_ids(svg, f"d{path.stem[:8]}") + "\n")
    raise nodes.SkipNode


def depart_image(self: HTML5Translator, node: nodes.image) -> None:
    type(self).depart_image(self, node)


def check_figures(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Each executed image has alternative text and stands in a figure with a caption."""
    for image in doctree.findall(nodes.image):
        if EXECUTED not in image["uri"]:
            continue
        if not image.get("alt", "").strip():
            log.warning(
                "%s: an executed figure has no alt text (mystnb: image: alt:)",
                docname,
                location=image,
            )
        if not isinstance(image.parent, nodes.figure):
            log.warning(
                "%s: an executed figure has no caption (mystnb: figure: caption:)",
                docname,
                location=image,
            )


def setup(app: Sphinx) -> None:
    app.add_node(nodes.image, override=True, html=(visit_image, depart_image))
    app.connect("doctree-resolved", check_figures)
