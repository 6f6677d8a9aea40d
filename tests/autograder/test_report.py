"""What the report page promises: right numbers, no request, no way in for what students write."""

import base64
import hashlib
import itertools
import random
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.report import write_html
from autograder.report.page import page
from autograder.report.statistics import histogram, most_missed, summarise
from autograder.results import CheckResult, LabResult

TASKS = [SimpleNamespace(name="walk", title="Walk"), SimpleNamespace(name="stop", title="Stop")]
LAB = SimpleNamespace(name="toy", title="Toy", tasks=TASKS)
WORTH = (("once", "walk", 4), ("dead", "walk", 6), ("count", "stop", 10))
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style></pre></details><svg onload=alert(1)>",
    "]]><!-- --!> <![CDATA[ &lt;b&gt; &#x3c;b&#x3e;",
    "javascript:alert(1)",
    "\x00\x1b]0;title\x07\x9b31m",
    "\u202egnp.exe\u2066 \ud800 \ufeff \u2028",
]


def result(student, shares, *, text="expected 1, got 2", **changes):
    checks = tuple(
        CheckResult(name, task, f"title of {name}", points, share * points, **_told(share, text))
        for (name, task, points), share in zip(WORTH, shares, strict=True)
    )
    about = {"student": student, "lab": "toy", "lab_title": "Toy", "lab_version": "sha256:v"}
    about |= {"submission": f"sha256:{student}", "tier": "T0", "key": "course", "checks": checks}
    return LabResult(**(about | changes))


def _told(share, text):
    if share == 1:
        return {}
    told = {"message": text, "hint": text, "section": text, "printed": text}
    return told | {"reason": "wrong"}


def class_of(size, seed=0):
    rng = random.Random(seed)
    skills = [rng.random() for _ in range(size)]
    return [
        result(
            f"Student {k:03}", [rng.choice((0, 0.5)) if rng.random() > skill else 1 for _ in WORTH]
        )
        for k, skill in enumerate(skills)
    ]


class Skeleton(HTMLParser):
    """The page without its texts: tags with their attributes' names, and the values of links."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.tags, self.links, self.ids, self.words = [], [], set(), []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, *sorted(name for name, _ in attrs)))
        given = dict(attrs)
        self.links += [v for k, v in attrs if k in ("href", "src", "action", "srcset", "data")]
        self.ids |= {given["id"]} & set(given.values()) if "id" in given else set()

    def handle_data(self, data):
        self.words.append(data)


def numbers_of(results, name):
    shares = [
        check.score / check.points for r in results for check in r.checks if check.name == name
    ]
    return np.array(shares), np.array([r.score for r in results])


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_does_not_change_the_page_around_it(text):
    def skeleton(words):
        lost = result(words, (0, 0.5, 1), text=words, note=words)
        unread = result(words, (0, 0, 0), text=words, problem=words)
        return Skeleton(page([lost, unread], LAB)).tags

    assert skeleton(text) == skeleton("harmless")


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_text_at_all_changes_the_page_around_it(name, message):
    there = page([result(name, (0, 0.5, 1), text=message)], LAB)
    assert Skeleton(there).tags == Skeleton(page([result("a", (0, 0.5, 1), text="b")], LAB)).tags
    there.encode()


def test_no_control_character_reaches_the_page():
    source = page([result("".join(HOSTILE), (0, 0, 0), text="".join(HOSTILE))], LAB)
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", source
    )


def test_a_megabyte_of_message_is_cut_with_a_note():
    empty = len(page([result("Ada", (0, 0, 0), text="x")], LAB))
    flood = page([result("Ada", (0, 0, 0), text="<\n" * 500_000)], LAB)
    assert "more lines cut" in flood
    assert len(flood) < empty + 50_000
    assert "998,000 more characters cut" in page([result("A", (0, 0, 0), text="x" * 10**6)], LAB)


def test_what_was_said_to_a_student_is_readable_on_the_page():
    words = "expected a < b & 'c', got \"d\""
    source = page([result("Ada <ada@example.org>", (0, 1, 1), text=words)], LAB)
    texts = "".join(Skeleton(source).words)
    assert texts.count(words) == 4
    assert "Ada <ada@example.org>" in texts


def test_the_page_asks_for_nothing_outside_itself():
    source = page(class_of(12), LAB)
    skeleton = Skeleton(source)
    assert {link for link in skeleton.links if not link.startswith("#")} == {"data:,"}
    assert {link[1:] for link in skeleton.links if link.startswith("#")} <= skeleton.ids
    assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttpRequest", source)
    assert "default-src 'none'" in source


@pytest.mark.parametrize("tag", ["style", "script"])
def test_the_policy_names_exactly_the_style_and_script_that_are_there(tag):
    source = page(class_of(3), LAB)
    (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    assert f"{tag}-src 'sha256-{digest}'" in source


def test_the_same_class_gives_the_same_bytes_in_any_order(tmp_path):
    results = class_of(15)
    write_html(results, LAB, tmp_path / "a.html")
    write_html(list(reversed(results)), LAB, tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


@given(st.integers(1, 30), st.integers(0, 1000))
def test_summary_and_histogram_agree_with_numpy(size, seed):
    results = class_of(size, seed)
    scores = [r.score for r in results]
    summary = summarise(results)
    assert summary.mean == pytest.approx(np.mean(scores))
    assert summary.median == pytest.approx(np.median(scores))
    assert histogram(results) == np.histogram(scores, bins=10, range=(0, 20))[0].tolist()


@given(st.integers(10, 40), st.integers(0, 1000))
def test_difficulty_and_discrimination_agree_with_numpy(size, seed):
    results = class_of(size, seed)
    for item in most_missed(results):
        shares, totals = numbers_of(results, item.check.name)
        assert item.missed == np.sum(shares < 1)
        assert item.difficulty == pytest.approx(shares.mean())
        rests = totals - shares * item.check.points
        if item.discrimination is not None:
            assert item.discrimination == pytest.approx(np.corrcoef(shares, rests)[0, 1])
        else:
            assert np.ptp(shares) == 0 or np.ptp(rests) == 0


def test_a_small_class_shows_no_discrimination():
    assert all(item.discrimination is None for item in most_missed(class_of(9)))
    assert "shown from 10 submissions on" in page(class_of(9), LAB)


def test_the_check_missed_most_comes_first_with_its_commonest_reason():
    results = [result("a", (0, 1, 1)), result("b", (0, 1, 0)), result("c", (0.5, 1, 1))]
    first = most_missed(results)[0]
    assert (first.check.name, first.tried, first.missed) == ("once", 3, 3)
    assert first.reasons == (("wrong", 2), ("partly", 1))


def test_submissions_that_never_ran_and_faults_of_the_grader_say_nothing_about_a_check():
    broken = CheckResult("count", "stop", "title", 10, 0, "internal")
    ran = result("a", (1, 1, 1))
    fault = LabResult(**{**vars(ran), "checks": (*ran.checks[:2], broken), "student": "b"})
    results = [ran, fault, result("c", (0, 0, 0), problem="no file")]
    tried = {item.check.name: (item.tried, item.missed) for item in most_missed(results)}
    assert tried == {"once": (2, 0), "dead": (2, 0), "count": (1, 0)}


def test_an_empty_class_still_gives_a_page():
    assert "0 submissions" in page([], LAB)


def test_practice_marks_are_called_practice_marks():
    assert "Practice marks" in page([result("a", (1, 1, 1), key="practice")], LAB)
    assert "Practice marks" not in page([result("a", (1, 1, 1), key="course")], LAB)


def test_a_name_that_is_given_twice_is_pointed_out():
    twice = [result("Ada", (1, 1, 1)), result("Ada", (0, 0, 0), submission="sha256:other")]
    assert "One name, several submissions" in page(twice, LAB)
    assert "One name, several submissions" not in page(class_of(12), LAB)


def test_headings_descend_one_level_at_a_time():
    levels = [
        int(tag[1])
        for tag, *_ in Skeleton(page(class_of(3), LAB)).tags
        if tag in ("h1", "h2", "h3")
    ]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def _luminance(colour):
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


def _contrast(one, other):
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_reach_the_contrast_that_wcag_aa_asks(scheme):
    roots = re.findall(r":root \{(.*?)\}", page([], LAB), re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", roots[scheme]))
    for ground in ("paper", "card"):
        for text in ("ink", "muted", "accent", "lost", "some", "done"):
            assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        for shape in ("fill", "lost-fill", "done-fill"):
            assert _contrast(colours[shape], colours[ground]) >= 3, (shape, ground)
    assert _contrast(colours["ink"], colours["notice"]) >= 4.5
