"""Formulas become MathML when the book is built, so that a page needs no script for them.

Sphinx asks a renderer for two visitors, one for formulas within a line and one for displays.
A formula that cannot be converted is a warning with its place, hence an error under ``-W``.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

log = logging.getLogger(__name__)

# Environments of the amsmath package which the converter knows under another name.
ENVIRONMENTS = {"align": "aligned", "align*": "aligned", "gather": "gathered",
                "gather*": "gathered", "equation": "", "equation*": ""}


def prepare(latex: str) -> str:
    """Rewrite display environments: ``align`` is ``aligned`` once it is alone in its display.

    >>> prepare(r"\\begin{align*} a &= b \\end{align*}")
    '\\\\begin{aligned} a &= b \\\\end{aligned}'
    """
    for name, inner in ENVIRONMENTS.items():
        for edge in ("begin", "end"):
            replacement = rf"\{edge}{{{inner}}}" if inner else ""
            latex = latex.replace(rf"\{edge}{{{name}}}", replacement)
    latex = latex.strip()
    if r"\\" in latex and r"\begin" not in latex:
        latex = rf"\begin{{aligned}} {latex} \end{{aligned}}"
    return latex


def to_mathml(latex: str, *, display: bool) -> str:
    """One formula as a ``<math>`` element that carries its source as the text alternative."""
    math = convert(prepare(latex), display="block" if display else "inline")
    label = html.escape(re.sub(r"\s+", " ", latex).strip(), quote=True)
    return math.replace("<math ", f'<math alttext="{label}" ', 1)


def rendered(translator: HTML5Translator, node: nodes.Element, *, display: bool) -> str:
    """Convert, or warn at the formula's place and show its source."""
    try:
        return to_mathml(node.astext(), display=display)
    except Exception as error:  # the converter raises its own classes and plain IndexError
        log.warning("formula not converted (%s): %s", type(error).__name__, node.astext(),
                    location=node)
        return f"<code>{translator.encode(node.astext())}</code>"


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(f'<span class="math">{rendered(self, node, display=False)}</span>')
    raise nodes.SkipNode


def visit_display(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math"))
    if node["number"]:
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    # Wide formulas scroll in their own box, which the keyboard can reach.
    math = rendered(self, node, display=True)
    self.body.append(f'<div class="math-scroll" tabindex="0">{math}</div></div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))
