"""The folder of pages: who may read what, small, whole, and the same for the same results."""

import csv
import itertools
import os
import random
import re
import signal
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.course.policy import DAY, Course, Late, Terms
from autograder.course.roster import Roster, Student
from autograder.course.tables import Book
from autograder.lab import LabError
from autograder.report import Site
from autograder.report.site import KEY
from autograder.similar import Pair, Work

SECRET = "the secret input is 4711"
HOSTILE = '"><script>alert(1)</script>\x1b[31m\u202e../..'


@pytest.fixture
def write(results, tmp_path):
    """Write the site of some attempts; return its folder."""

    def write(graded, course=None, roster=None, names=("toy",), folder=tmp_path / "report", **kw):
        graded = list(graded)
        Site(results.labs(*names), Book(graded, course, roster), **kw).write(graded, folder)
        return folder

    return write


def pages(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def term(results, students=12, labs=("toy", "walks", "sums"), seed=0):
    """A class with labs, hidden checks, problems and notes."""
    rng = random.Random(seed)
    worth = (("once", "walk", 4, False), ("odd", "stop", 6, True))
    for lab, k in itertools.product(labs, range(students)):
        changes = {"lab": lab, "lab_title": f"Lab {lab}", "worth": worth, "text": SECRET}
        if k % 5 == 1:
            changes["problem"] = "no file"
        shares = [rng.choice([0, 0.5, 1]), rng.choice([0, 1])]
        yield results.graded(results.one(f"s{k:02}", shares, **changes))


def whose(folder):
    with (folder / "staff" / "pages.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row["page"] for row in csv.DictReader(file)}


def test_a_student_page_holds_one_student_and_no_way_to_anything_else(write, results, skeleton):
    folder = write(term(results), names=("toy", "walks", "sums"))
    whole = pages(folder)
    named = whose(folder)
    assert len(set(named.values())) == 12
    assert {f"students/{page}" for page in named.values()} == {
        name for name in whole if name.startswith("students/")
    }
    for student, page in named.items():
        seen = skeleton(whole[f"students/{page}"])
        assert set(re.findall(r"\bs\d\d\b", seen.text)) == {student}
        assert {link for link in seen.links if not link.startswith("#")} == {"data:,"}
        assert {link[1:] for link in seen.links if link.startswith("#")} <= set(seen.ids)
        assert "For the instructor" not in seen.text and ".zip" not in seen.text


def test_hidden_checks_are_told_to_the_staff_alone(write, results):
    worth = (("once", "walk", 4, False), ("odd", "stop", 6, True))
    one = results.graded(results.one("Ada", (1, 0), worth=worth, text=SECRET, note="odd note"))
    for reveal in ("points", "title", "full"):
        whole = pages(write([one], reveal=reveal))
        told = {name.partition("/")[0] for name, text in whole.items() if SECRET in text}
        assert told == ({"staff", "students"} if reveal == "full" else {"staff"})
        assert {name.partition("/")[0] for name in whole if "odd note" in whole[name]} == {"staff"}


def test_every_link_between_pages_leads_to_a_page_or_a_place(write, results, skeleton):
    pair = Pair(Work("a", "A", "x\n"), Work("b", "B", "x\n"), 9, (1, 1), [((1, 1), (1, 1))])
    folder = write(term(results), names=("walks",), similar={"toy": [pair]})
    assert (folder / "staff" / "similar-toy.html").exists()
    linked = {folder / "index.html"}
    for path in folder.rglob("*.html"):
        for link in skeleton(path.read_text()).links:
            place, _, heading = link.partition("#")
            if place == "data:,":
                continue
            target = (path.parent / place).resolve() if place else path
            assert target.is_file(), (path, link)
            assert not heading or heading in skeleton(target.read_text()).ids
            linked.add(target)
    assert linked >= {path for path in folder.rglob("*") if path.parent.name != "students"
                      and path.is_file()}  # fmt: skip


def test_pages_are_named_by_a_key_so_that_no_name_can_be_guessed(write, results, tmp_path):
    names = [*term(results, 3, ("toy",))]
    one = whose(write(names))
    assert one == whose(write(names)) and KEY in os.listdir(tmp_path)
    assert (tmp_path / KEY).stat().st_mode & 0o077 == 0
    other = whose(write(names, folder=tmp_path / "other" / "report"))
    assert not set(one.values()) & set(other.values())
    assert all(re.fullmatch(r"student-[0-9a-f]{24}\.html", page) for page in one.values())


@given(names=st.lists(st.text(min_size=1), min_size=1, max_size=5, unique=True))
def test_whatever_students_are_called_each_has_a_page(names, results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "report"
    graded = [results.graded(results.one(n, (1, 0, 1)), f"{k}.zip") for k, n in enumerate(names)]
    Site(results.labs(), Book(graded)).write(graded, folder)
    assert len(list((folder / "students").iterdir())) == len(names)


def test_the_same_results_give_the_same_bytes_in_any_order(write, results):
    graded = [*term(results)]
    labs = [list(some) for _, some in itertools.groupby(graded, key=lambda one: one.result.lab)]
    first = pages(write(graded))
    for seed in range(3):
        random.Random(seed).shuffle(labs)
        shuffled = [one for lab in labs for one in random.Random(seed).sample(lab, len(lab))]
        assert pages(write(shuffled)) == first
    with pytest.raises(ValueError, match="one after the other"):
        write([*graded, graded[0]])


def test_labs_come_in_the_order_of_the_course_and_lost_ones_last(write, results):
    folder = write(term(results), names=("walks", "toy"))
    for page in (folder / "index.html", folder / "students" / whose(folder)["s00"]):
        titles = re.findall(r">Lab (\w+)</a>", page.read_text())
        assert titles == ["walks", "toy", "sums"]


COURSE = Course({"toy": Terms(due=1e9)}, Late(penalty=0.25, accept_days=30), counts="best")


def test_the_attempt_that_counts_and_its_mark_are_those_of_the_gradebook(write, results, skeleton):
    early = results.graded(results.one("Ada", (1, 1, 0)), "early.zip", 1e9)
    late = results.graded(results.one("Ada", (1, 1, 1)), "late.zip", 1e9 + DAY / 2)
    later = results.graded(results.one("Ada", (0, 1, 1)), "later.zip", 1e9 + 3 * DAY)
    folder = write([early, later, late], COURSE)
    page = skeleton((folder / "students" / whose(folder)["Ada"]).read_text())
    assert "12.0 hours late" in page.text and "20 of 20" in page.text
    assert re.search(r"After the late policy.*20 of 20\s*15\b", page.text, re.DOTALL)
    staff = (folder / "staff" / whose(folder)["Ada"]).read_text()
    assert "late.zip" in staff and "early.zip" not in staff and "later.zip" not in staff
    assert "late policy" not in "".join(pages(write([early, late])).values())


def test_with_a_roster_pages_are_those_of_its_students_whatever_was_typed(write, results, skeleton):
    roster = Roster([Student("u1", "Ada Lovelace"), Student("u2", "Bob"), Student("u3", "Cleo")])
    graded = [
        results.graded(results.one("Bob", (1, 1, 1)), "u1.zip"),
        results.graded(results.one("Ada Lovelace", (0, 0, 0)), "u2.zip"),
        results.graded(results.one("nobody", (1, 0, 0)), "nobody.zip"),
    ]
    folder = write(graded, roster=roster)
    assert whose(folder).keys() == {"u1", "u2", "nobody.zip"}
    ada = skeleton((folder / "students" / whose(folder)["u1"]).read_text()).text
    assert "Ada Lovelace (u1)" in ada and "20 of 20" in ada and "Bob" not in ada
    lab = skeleton((folder / "staff" / "lab-toy.html").read_text()).text
    assert "not on the roster" in lab
    everybody = skeleton((folder / "staff" / "students.html").read_text()).text
    assert re.search(r"Cleo \(u3\)\s*0", everybody)


def test_hostile_names_and_messages_do_not_change_any_page(write, results, skeleton):
    def tags(words):
        one = results.one(words, (0, 0.5, 1), text=words, note=words)
        two = results.one(words + "2", (0, 0, 0), text=words, problem=words)
        whole = pages(write([results.graded(one, words + "1"), results.graded(two, words + "2")]))
        return sorted(skeleton(text).tags for name, text in whole.items() if "csv" not in name)

    assert tags(HOSTILE) == tags("harmless")


def test_practice_marks_are_called_practice_marks(write, results):
    for key in ("practice", "course"):
        whole = pages(write([results.graded(results.one("Ada", (1, 1, 1), key=key))]))
        said = {name.partition("/")[0] for name in whole if "ractice marks" in whole[name]}
        assert said == ({"index.html", "staff", "students"} if key == "practice" else set())


def test_statistics_and_the_same_failures_are_on_the_page_of_the_lab(write, results, skeleton):
    graded = [results.graded(results.one(f"s{k}", (0, 1, 1), text=f"expected {k}, got [1 {k}]"))
              for k in range(12)]  # fmt: skip
    text = skeleton((write(graded) / "staff" / "lab-toy.html").read_text()).text
    assert "12 of 12 missed it" in text and "12 students · wrong answer" in text
    assert "expected 0, got [1 0]" in text and "expected 1, got [1 1]" not in text


def test_an_empty_course_has_a_page(write):
    assert "Course" in pages(write([]))["index.html"]


def test_pages_can_be_read_without_seeing_them(write, results, skeleton):
    """Landmarks, headings in order, named tables and regions, unique ids, one language."""
    whole = pages(write(term(results), names=("toy", "walks", "sums")))
    for name, source in whole.items():
        if not name.endswith(".html"):
            continue
        page = skeleton(source)
        tags = [tag for tag, *_ in page.tags]
        levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1 and levels.count(1) == 1, name
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), name
        assert tags.count("main") == tags.count("header") == 1
        assert tags.count("nav") == (0 if name.startswith("students/") else 1)
        assert len(page.ids) == len(set(page.ids))
        for tag, given_ in page.attributes:
            if tag == "th":
                assert given_["scope"] in ("col", "row")
            if tag == "html":
                assert given_["lang"] == "en"
            if tag in ("table", "section") or given_.get("role") == "region":
                assert given_["aria-labelledby"] in page.ids, name
            if tag == "svg":
                assert given_.get("aria-hidden") or given_.get("aria-label")
            if "tabindex" in given_:
                assert given_["tabindex"] == "0" and ("role" in given_ or tag == "pre")


def test_a_folder_with_other_files_is_refused_and_left_alone(write, results, tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "thesis.tex").write_text("years of work")
    with pytest.raises(LabError, match="holds more than a report"):
        write(term(results))
    assert os.listdir(tmp_path / "report") == ["thesis.tex"]


def test_when_anything_fails_the_old_report_stays_and_no_scraps(write, results, tmp_path):
    first = pages(write(term(results)))

    class FullError(OSError):
        pass

    for fail_at in (0, 5, 30):
        stream = list(term(results, seed=1))
        site = Site(results.labs(), Book(stream))

        def broken(stream=stream, fail_at=fail_at):
            yield from stream[:fail_at]
            raise FullError("no space left")

        with pytest.raises(FullError):
            site.write(broken(), tmp_path / "report")
        assert pages(tmp_path / "report") == first
        assert sorted(os.listdir(tmp_path)) == ["report", KEY]


def write_and_die(graded, folder, steps):
    """In a child: write the site, and end without a word after so many steps on the disk."""
    left = steps

    def count_down(event, arguments):
        nonlocal left
        left -= event in ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir")
        if left < 0:
            os._exit(9)

    child = os.fork()
    if not child:
        try:
            signal.alarm(20)
            sys.addaudithook(count_down)
            Site({}, Book(graded)).write(graded, folder)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


@pytest.mark.multiprocess
def test_killed_at_any_moment_it_leaves_a_whole_report_or_none(write, results, tmp_path):
    old, new = [*term(results, 3, ("toy",))], [*term(results, 3, ("toy",), seed=7)]
    wanted = pages(write(new, names=("gone",)))
    before = pages(write(old, names=("gone",)))
    outcomes = []
    for steps in range(0, 60, 2):
        write_and_die(new, tmp_path / "report", steps)
        there = pages(tmp_path / "report") if (tmp_path / "report").exists() else None
        assert there in (None, before, wanted)
        outcomes.append("new" if there == wanted else "old" if there else "none")
        assert pages(write(old, names=("gone",))) == before  # the next one clears up
        assert sorted(os.listdir(tmp_path)) == ["report", KEY]
    assert outcomes[0] == "old" and outcomes[-1] == "new" and outcomes.count("none") <= 2


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_a_large_course_fits_in_little_memory(results, tmp_path):
    def stream():
        return term(results, 2000, tuple(f"lab{k:02}" for k in range(10)))

    tracemalloc.start()
    Site({}, Book(stream())).write(stream(), tmp_path / "report")
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()
    sizes = [path.stat().st_size for path in (tmp_path / "report").rglob("*")]
    assert len(sizes) > 4000 and max(sizes) < 1e6
