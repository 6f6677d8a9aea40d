"""lab.toml is read with errors that say what to mend; chapters decide what may be imported."""

import pytest

from autograder.lab import LabError, chapter_order, earlier_modules, find_labs, find_root, load_lab


def test_a_lab_is_what_its_toml_says(lab):
    assert (lab.name, lab.title, lab.chapter) == ("sums", "Sums and products", "first/summing")
    assert [task.name for task in lab.tasks] == ["total", "product"]
    assert lab.tasks[0].rebuild == ("mlsys.first.summing:total",)
    assert lab.tasks[1].extend == ("product",)
    assert (lab.limits.wall, lab.limits.total, lab.limits.memory) == (1.0, 4.0, 512)
    assert lab.files == ("sums.py",)


@pytest.mark.parametrize(
    "old, new, complaint",
    [
        ('title = "Sums and products"', "", "title should be a text"),
        ('title = "Sums and products"', "title = 3", "title should be a text"),
        ("wall = 1.0", "wall = 0", "above 0"),
        ("wall = 1.0", "walls = 1.0", r"\[limits\] has 'walls'"),
        ('extend = ["product"]', 'extends = ["product"]', r"\[\[tasks\]\] has 'extends'"),
        ('extend = ["product"]', 'extend = "product"', "extend should be a list"),
        ("mlsys.first.summing:total", "mlsys.first.summing.total", "package.module:name"),
        ('file = "sums.py"', 'file = "sums.txt"', "end in .py"),
        ('file = "sums.py"', 'file = "../sums.py"', "plain file name"),
        ('chapter = "first/summing"', 'chapter = "summing"', "part/chapter"),
        ('file = "sums.py"', 'file = "sums.py"\nfiles = []', "the top level has 'files'"),
        ("[limits]", "[limits", "not valid TOML"),
    ],
)
def test_a_mistake_in_lab_toml_is_told_with_its_place(lab, old, new, complaint):
    path = lab.folder / "lab.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(LabError, match=complaint) as caught:
        load_lab(lab.folder)
    assert "lab.toml" in str(caught.value)


def test_a_folder_without_lab_toml_is_no_lab(tmp_path):
    with pytest.raises(LabError, match=r"no lab\.toml"):
        load_lab(tmp_path)


@pytest.mark.parametrize("name", ["checks.py", "probes.py", "lab.toml"])
def test_the_version_changes_with_whatever_decides_about_marks(lab, name):
    path = lab.folder / name
    path.write_text(path.read_text(encoding="utf-8") + "\n# more\n", encoding="utf-8")
    assert load_lab(lab.folder).version != lab.version


@pytest.mark.parametrize("name", ["handout.md", "solution.py"])
def test_the_version_does_not_change_with_the_rest(lab, name):
    (lab.folder / name).write_text("changed", encoding="utf-8")
    assert load_lab(lab.folder).version == lab.version


def test_the_version_is_the_same_with_the_line_ends_of_any_platform(lab):
    path = lab.folder / "checks.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_lab(lab.folder).version == lab.version


def test_modules_of_this_and_later_chapters_are_closed(lab):
    assert chapter_order(lab.root) == ["first/adding", "first/summing", "second/later"]
    assert sorted(earlier_modules(lab)) == [
        "mlsys",
        "mlsys.first",
        "mlsys.first.adding",
        "mlsys.second",
    ]


def test_a_chapter_that_is_a_folder_opens_with_all_its_modules(lab):
    folder = lab.root / "mlsys/first/adding"
    folder.mkdir()
    (lab.root / "mlsys/first/adding.py").rename(folder / "__init__.py")
    (folder / "pairs.py").touch()
    assert {"mlsys.first.adding", "mlsys.first.adding.pairs"} <= earlier_modules(lab).keys()


def test_an_unknown_chapter_is_an_error(lab):
    (lab.root / "book/chapters.toml").write_text("chapters = []", encoding="utf-8")
    with pytest.raises(LabError, match=r"first/summing is not in book/chapters\.toml"):
        earlier_modules(lab)


def test_labs_are_found_from_any_folder_below_the_root(course):
    assert find_root(course / "labs" / "sums" / "wrong") == course
    assert list(find_labs(course / "mlsys")) == ["sums"]


def test_labs_are_found_in_our_own_package_when_there_are_none_here(tmp_path, root):
    assert find_root(tmp_path) == root
