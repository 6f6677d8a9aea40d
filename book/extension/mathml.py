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

# The converter knows ``split`` and ``align*``; these mean the same once they are alone in a display.
RENAMED = re.compile(
    r"\\(begin|end)\{(?:aligned|alignedat|align|align\*|gather|gather\*|gathered)\}"
)
UNWRAPPED = re.compile(r"\\(begin|end)\{equation\*?\}")
# What the converter leaves behind where it did not understand: it does not raise.
LEFTOVER = re.compile(r"<mi>(&|\\[^<]*)</mi>")


def prepare(latex: str) -> str:
    """Name display environments as the converter does, and wrap bare lines in one.

    >>> prepare(r"\\begin{aligned} a &= b \\end{aligned}")
    '\\\\begin{split} a &= b \\\\end{split}'
    """
    latex = UNWRAPPED.sub("", RENAMED.sub(r"\\\1{split}", latex)).strip()
    if r"\\" in latex and r"\begin" not in latex:
        latex = rf"\begin{{split}} {latex} \end{{split}}"
    return latex


def to_mathml(latex: str, *, display: bool) -> str:
    """One formula as a ``<math>`` element that carries its source as the text alternative."""
    math = convert(prepare(latex), display="block" if display else "inline")
    if found := LEFTOVER.search(math):
        raise ValueError(f"{found[1]} is not known to the converter")
    label = html.escape(re.sub(r"\s+", " ", latex).strip(), quote=True)
    return math.replace("<math ", f'<math alttext="{label}" ', 1)


def rendered(translator: HTML5Translator, node: nodes.Element, *, display: bool) -> str:
    """Convert, or warn at the formula's place and show its source."""
    try:
        return to_mathml(node.astext(), display=display)
    except Exception as error:  # the converter raises its own classes and plain IndexError
        log.warning("formula not converted (%r): %s", error, node.astext(), location=node)
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
