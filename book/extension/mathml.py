"""Formulas become MathML when the book is built, so that a page needs no script for them.

Sphinx asks a renderer for two visitors, one for formulas within a line and one for displays.
A formula that cannot be converted is a warning with its place, hence an error under ``-W``.
"""

from __future__ import annotations

import html
import re
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

log = logging.getLogger(__name__)

# The converter knows ``split``; these mean the same once they are alone in a display.
RENAMED = re.compile(r"\\(begin|end)\{(?:aligned|align\*?|gathered|gather\*?)\}")
UNWRAPPED = re.compile(r"\\(begin|end)\{equation\*?\}")
# What the converter leaves behind where it did not understand: it does not raise.
LEFTOVER = re.compile(r"<mi>(&|\\[^<]*)</mi>")

# Where the converter marks an operator as an identifier, or leaves the spacing to a browser that
# cannot know what was meant: (pattern, replacement), applied in this order.
TIDIED = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>"),  # \\sim
        (r"<mi>(&#x(?:000B1|02026|0003A|027C2);|[:;])</mi>", r"<mo>\1</mo>"),
        (
            r"<mi>(&#x(?:02308|0230A|027E8|0007B);)</mi>",
            r'<mo form="prefix" stretchy="false">\1</mo>',
        ),
        (
            r"<mi>(&#x(?:02309|0230B|027E9|0007D);)</mi>",
            r'<mo form="postfix" stretchy="false">\1</mo>',
        ),
        (
            r"<m[io][^>]*>(&#x(?:0007C|02016);)</m[io]>",  # bars open and close with one sign
            r'<mo stretchy="false" lspace="0.06em" rspace="0.06em">\1</mo>',
        ),
        (r"<mo>(&#x0002F;)</mo>", r'<mo lspace="0" rspace="0">\1</mo>'),
        (r"<mrow><mo>(&#x0002C;)</mo></mrow>", r'<mo lspace="0" rspace="0">\1</mo>'),  # 1{,}000
        (r"<mi>(&#x000[4-7][0-9A-F];)</mi>", r'<mi mathvariant="normal">\1</mi>'),  # \\mathrm{d}
        (r"<mo>((?!max|min|lim|sup|inf)[A-Za-z]{2,})</mo>", r"<mi>\1</mi>"),  # softmax
        (r"<mo>(&#x0220(?:2|7);)</mo>", r"<mi>\1</mi>"),  # ∂ and ∇ bind like letters
        (
            r'<mo stretchy="true">&#x000AF;</mo></mover>',
            '<mo stretchy="false">&#x000AF;</mo></mover>',
        ),
        (r"<mover>", '<mover accent="true">'),
    )
]

NAMESPACE = ' xmlns="http://www.w3.org/1998/Math/MathML"'
WITH_LIMITS = {"max", "min", "lim", "sup", "inf", "\u22c3", "\u22c2"}


def prepare(latex: str) -> str:
    """Name display environments as the converter does, and wrap bare lines in one.

    >>> prepare(r"\\begin{aligned} a &= b \\end{aligned}")
    '\\\\begin{split} a &= b \\\\end{split}'
    """
    latex = UNWRAPPED.sub("", RENAMED.sub(r"\\\1{split}", latex)).strip()
    latex = re.sub(r"\\label\{[^}]*\}", "", latex).replace(r"\arg", r"\operatorname{arg}")
    if r"\\" in latex and r"\begin" not in latex:
        latex = rf"\begin{{split}} {latex} \end{{split}}"
    return latex


def to_mathml(latex: str, *, display: bool) -> str:
    """One formula as a ``<math>`` element that carries its source as the text alternative."""
    math = convert(prepare(latex), display="block" if display else "inline")
    if found := LEFTOVER.search(math):
        raise ValueError(f"{found[1]} is not known to the converter")
    for pattern, replacement in TIDIED:
        math = pattern.sub(replacement, math)
    math = typeset(math, display=display)
    label = html.escape(re.sub(r"\s+", " ", latex).strip(), quote=True)
    return math.replace("<math ", f'<math alttext="{label}" ', 1)


def typeset(math: str, *, display: bool) -> str:
    """Space around function names; in a display, what belongs below max and lim goes there.

    >>> typeset("<math><mn>2</mn><mi>log</mi></math>", display=False)
    '<math><mn>2</mn><mspace width="0.17em" /><mi>log</mi></math>'
    >>> typeset("<math><msub><mo>max</mo><mi>i</mi></msub></math>", display=True)
    '<math><munder><mo>max</mo><mi>i</mi></munder></math>'
    """
    tree = ElementTree.fromstring(math.replace(NAMESPACE, ""))
    for row in [tree, *tree.iter("mrow"), *tree.iter("mtd")]:
        for left, right in pairwise(list(row)):
            if "mo" not in (left.tag, right.tag) and (_is_name(left) or _is_name(right)):
                row.insert(list(row).index(right), ElementTree.Element("mspace", width="0.17em"))
    for node in tree.iter("msub"):
        if display and node[0].text in WITH_LIMITS:
            node.tag = "munder"
    text = ElementTree.tostring(tree, encoding="unicode")
    return text.replace("<math", f"<math{NAMESPACE}", 1) if NAMESPACE in math else text


def _is_name(node: ElementTree.Element) -> bool:
    """A function's name such as log, alone or with an index."""
    node = node[0] if node.tag in ("msub", "msup", "msubsup") else node
    return node.tag == "mi" and len(node.text or "") > 1 and (node.text or "").isascii()


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
