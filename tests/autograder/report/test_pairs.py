"""The page of similar works: all pairs, the strongest with their sources, within bounds."""

from autograder.report.pairs import MOST, ROOM, similar_page
from autograder.similar import Pair, Work

HOSTILE = "</pre><script>alert(1)</script>\x1b[31m\u202e"


def pair(k, text="a = 1\nb = 2\nc = 3\n", name="Ada"):
    one, other = Work(f"{k}-a.zip", name, text), Work(f"{k}-b.zip", f"{name} B", text)
    return Pair(one, other, 9, (1.0, 0.5), [((2, 3), (1, 2))])


def test_matching_lines_are_marked_by_more_than_colour(skeleton):
    source = similar_page("Toy", [pair(0)])
    assert source.count("<mark>") == 4
    assert "<mark>   2 ┃ b = 2</mark>" in source and "<mark>   1 ┃ a = 1</mark>" in source
    assert "   1   a = 1" in source
    page = skeleton(source)
    assert {"#pair-0"} == {link for link in page.links if link.startswith("#")}
    assert "pair-0" in page.ids and "100%" in page.text and "50%" in page.text


def test_sources_and_names_cannot_change_the_page(skeleton):
    bad = similar_page("Toy", [pair(HOSTILE, HOSTILE + "\n", HOSTILE)])
    assert skeleton(bad).tags == skeleton(similar_page("Toy", [pair("x", "x\n", "y")])).tags
    assert "\x1b" not in bad and "\u202e" not in bad


def test_many_or_huge_pairs_make_a_page_that_still_opens(skeleton):
    many = [pair(k, "x = 1  # " + "y" * 100 + "\n" * 400) for k in range(MOST + 50)]
    page = similar_page("Toy", many)
    assert len(page) < ROOM + 300_000 and f"{MOST + 50} pairs, {MOST} of them" in page
    links = {link for link in skeleton(page).links if link.startswith("#")}
    assert links == {f"#{ident}" for ident in skeleton(page).ids if ident.startswith("pair-")}
    assert len(similar_page("Toy", [pair(0, "z" * 300_000)])) < ROOM
