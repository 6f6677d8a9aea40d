"""The door: nothing that a student writes becomes a part of a page, and a page wants nothing."""

import base64
import hashlib
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.report import markup
from autograder.report.feedback import feedback
from autograder.report.markup import Html, block, fill, page, percent, row, table

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style></pre></details><svg onload=alert(1)>",
    "]]><!-- --!> <![CDATA[ &lt;b&gt; &#x3c;b&#x3e;",
    "javascript:alert(1)",
    "{title} {0} {body!r} %s $style",
    "\x00\x1b]0;title\x07\x9b31m\x01",
    "\u202egnp.exe\u2066 \ud800 \ufeff \u2028",
]


def all_of(words, results, up=None):
    """A page with ``words`` wherever a student's words can come."""
    lost = results.one(words, (0, 0.5, 1), text=words, printed=words)
    unread = results.one(words, (0, 0, 0), text=words, problem=words)
    told = [*feedback(lost, {"walk": "Walk"}, book="https://x.org"), *feedback(unread, {})]
    told += [row(words, words, words=words), table("t", words, [words], []), block(words)]
    told += [fill("name", href="x", name=words), fill("staff", words=words)]
    return page(words, words, told, up)


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_text_does_not_change_the_page_around_it(words, results, skeleton):
    assert skeleton(all_of(words, results)).tags == skeleton(all_of("harmless", results)).tags


@given(words=st.text(min_size=1))
def test_no_text_at_all_changes_the_page_around_it(words, results, skeleton):
    source = all_of(words, results)
    assert skeleton(source).tags == skeleton(all_of("harmless", results)).tags
    source.encode()


def test_no_control_character_reaches_a_page(results):
    source = all_of("".join(HOSTILE), results)
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", source
    )


def test_a_megabyte_of_message_is_cut_with_a_note():
    assert "more lines cut" in block("<\n" * 500_000) and len(block("<\n" * 500_000)) < 1000
    assert "998,000 more characters cut" in block("x" * 10**6)
    assert len(fill("para", words="x" * 10**6)) < 1000


def test_what_was_said_is_readable(results, skeleton):
    words = "expected a < b & 'c', got \"d\""
    assert skeleton(all_of(words, results)).text.count(words) > 10


def test_only_markup_is_taken_for_markup():
    assert fill("para", words=[Html("<b>"), "<b>", 2.50]) == "<p><b>\n&lt;b&gt;\n2.5</p>"
    assert "&lt;b&gt;" in fill("para", words=Html("<b>") + "<b>")  # a sum is a text again


@pytest.mark.parametrize("up", [None, "../"], ids=["alone", "staff"])
def test_a_page_names_exactly_its_style_and_script_and_allows_nothing_else(up, results, skeleton):
    source = all_of("words", results, up)
    allowed = re.search(r'Content-Security-Policy" content="(.*?)"', source)[1]
    for tag in ("style", "script"):
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()) for one in found]
        wanted = "".join(f"'sha256-{digest.decode()}'" for digest in digests) or "'none'"
        assert f"{tag}-src {wanted};" in allowed
    assert allowed.startswith("default-src 'none'") and "unsafe" not in allowed
    assert ("<script>" in source) == (up is not None)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|innerHTML", source)
    assert not any("style" in names or any(n.startswith("on") for n in names)
                   for _, *names in skeleton(source).tags)  # fmt: skip


@given(st.floats(0, 100), st.floats(0, 100))
def test_a_percentage_is_whole_only_when_the_thing_is(part, whole):
    share = percent(min(part, whole), whole)
    assert 0 <= share <= 100
    if whole > 0:
        assert (share == 100) == (part >= whole) and (share == 0) == (part == 0)


def test_every_piece_of_markup_is_used(root):
    code = "".join(path.read_text() for path in root.glob("autograder/report/*.py"))
    assert [name for name in markup._parts() if f'"{name}"' not in code] == []


def _luminance(colour):
    colour = colour if len(colour) == 7 else "#" + "".join(2 * sign for sign in colour[1:])
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


def _contrast(one, other):
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
def test_colours_reach_the_contrast_that_wcag_aa_asks(scheme):
    roots = re.findall(r":root \{(.*?)\}", page("", "", []), re.DOTALL)
    colours = {}
    for root in (roots[0], roots[scheme]):
        colours |= dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", root))
    for ground in ("paper", "card"):
        for text in ("ink", "muted", "accent", "lost", "some", "done"):
            assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        for shape in ("fill", "lost-fill", "muted"):
            assert _contrast(colours[shape], colours[ground]) >= 3, (shape, ground)
    for ground in ("notice", "match"):
        assert _contrast(colours["ink"], colours[ground]) >= 4.5, ground


def test_no_text_is_smaller_than_twelve_pixels():
    style = markup._own("page.css")
    sizes = re.findall(r"font(?:-size)?:\s*([^;/}]+)", style)
    assert len(sizes) > 10
    for size in sizes:
        rem, least = re.match(r"([\d.]+)rem", size), re.match(r"max\((\d+)px", size)
        assert size == "inherit" or (float(rem[1]) * 16 if rem else int(least[1])) >= 12, size
