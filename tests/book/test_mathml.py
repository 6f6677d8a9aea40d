"""Formulas: what comes out is well-formed, and what is not understood is never passed on."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from extension.mathml import prepare, to_mathml
from hypothesis import given
from hypothesis import strategies as st

MATHML = "{http://www.w3.org/1998/Math/MathML}"
LETTER = st.sampled_from(["x", "n", r"\alpha", r"\bar{v}", r"\mathbf{W}", "2", r"\mathcal{L}"])
FORMULA = st.recursive(
    LETTER,
    lambda inner: st.one_of(
        st.builds(r"\frac{{{}}}{{{}}}".format, inner, inner),
        st.builds("{{{}}}^{{{}}}".format, inner, inner),
        st.builds("{{{}}}_{{{}}}".format, inner, inner),
        st.builds(r"\sqrt{{{}}}".format, inner),
        st.builds(r"\left({}\right)".format, inner),
        st.builds(r"{} + \log {}".format, inner, inner),
        st.builds(r"\sum_{{i=1}}^n {}".format, inner),
    ),
    max_leaves=6,
)


def parsed(latex: str, *, display: bool = False) -> ElementTree.Element:
    return ElementTree.fromstring(to_mathml(latex, display=display))


@given(FORMULA, st.booleans())
def test_a_formula_becomes_one_well_formed_element_that_names_its_source(
    latex: str, display: bool
) -> None:
    tree = parsed(latex, display=display)
    assert tree.tag == f"{MATHML}math"
    assert tree.get("alttext") == latex
    assert tree.get("display") == ("block" if display else "inline")


@given(FORMULA)
def test_every_letter_of_the_source_is_there(latex: str) -> None:
    text = "".join(parsed(latex).itertext())
    assert text.count("x") == latex.count("x")
    assert text.count("2") == latex.count("2")


@pytest.mark.parametrize("name", ["aligned", "align", "align*", "split"])
def test_lines_are_aligned_in_a_table(name: str) -> None:
    tree = parsed(rf"\begin{{{name}}} a &= b \\ &= c \end{{{name}}}", display=True)
    assert len(list(tree.iter(f"{MATHML}mtr"))) == 2
    assert "&" not in "".join(tree.itertext())


def test_bare_lines_are_aligned_too() -> None:
    assert prepare(r"a &= b \\ c &= d") == r"\begin{split} a &= b \\ c &= d \end{split}"


@pytest.mark.parametrize("latex", [r"\nosuchcommand{x}", r"\begin{nosuch} a & b \end{nosuch}"])
def test_what_is_not_understood_is_an_error(latex: str) -> None:
    with pytest.raises(ValueError, match="not known"):
        to_mathml(latex, display=False)


def test_limits_stand_below_in_a_display_only() -> None:
    assert parsed(r"\max_i x", display=True).find(f".//{MATHML}munder") is not None
    assert parsed(r"\max_i x").find(f".//{MATHML}munder") is None


def test_upright_letters_stay_upright() -> None:
    [letter] = parsed(r"\mathrm{d}").iter(f"{MATHML}mi")
    assert letter.get("mathvariant") == "normal"
