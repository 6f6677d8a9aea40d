"""Submissions are read from whatever students hand in, and nothing is ever unpacked to disk."""

import io
import json
import os
import stat
import sys
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import submission as module
from autograder.grade import grade_submission
from autograder.source import Rejected
from autograder.submission import Submission, read_submission, write_archive

CODE = b"def total(numbers):\n    return 0\n"


def archive(members, compression=zipfile.ZIP_DEFLATED):
    """members: pairs of a name or ZipInfo and content."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in members:
            file.writestr(name, content, compression)
    return buffer.getvalue()


def read(data, tmp_path, lab, name="ada.zip"):
    path = tmp_path / name
    path.write_bytes(data)
    return read_submission(path, lab)


def special(name, kind):
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o777) << 16
    return info


def test_an_archive_comes_back_with_name_and_files(lab, tmp_path):
    submission = read(write_archive(lab, {"sums.py": CODE}, "Ada Lovelace"), tmp_path, lab)
    assert submission.student == "Ada Lovelace"
    assert submission.files == {"sums.py": CODE}
    assert submission.problem is None and submission.note(lab) == ""


def test_the_same_files_make_the_same_archive(lab):
    assert len({write_archive(lab, {"sums.py": CODE}, "Ada") for _ in range(3)}) == 1


def test_a_file_and_a_folder_are_submissions_named_after_themselves(lab, tmp_path):
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob" / "sums.py").write_bytes(CODE)
    for name, path in (("bob", tmp_path / "bob"), ("carol", tmp_path / "carol.py")):
        if path.suffix:
            path.write_bytes(CODE)
        submission = read_submission(path, lab)
        assert (submission.student, submission.files) == (name, {"sums.py": CODE})


def test_one_folder_around_the_files_and_other_files_beside_them_do_no_harm(lab, tmp_path):
    members = [("hw/sums.py", CODE), ("hw/notes.txt", b"x"), ("__MACOSX/sums.py", b"junk")]
    assert read(archive(members), tmp_path, lab).files == {"sums.py": CODE}


@pytest.mark.parametrize(
    "data, complaint",
    [
        (b"", "cannot be read"),
        (b"PK\x03\x04 no archive", "cannot be read"),
        (archive([("../sums.py", CODE)]), "member called"),
        (archive([("/sums.py", CODE)]), "member called"),
        (archive([(special("sums.py", stat.S_IFLNK), b"target")]), "not a regular file"),
        (archive([(special("sums.py", stat.S_IFIFO), b"")]), "not a regular file"),
        (archive([("a/sums.py", CODE), ("b/sums.py", CODE)]), "twice"),
        (archive([("sums.py", b"0" * (5 << 20))]), "more than 4,194,304 bytes"),
        (archive([(f"{n}.txt", b"") for n in range(501)]), "501 members"),
        (archive([("sums.py", CODE)], zipfile.ZIP_LZMA), "use deflate"),
        (archive([("sums.py", CODE), ("manifest.json", b"{")]), "not valid JSON"),
        (archive([("sums.py", CODE), ("manifest.json", b"[" * 10**5)]), "not valid JSON"),
        (archive([("sums.py", CODE), ("manifest.json", b"[]")]), "not valid JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) else "archive",
)
def test_an_odd_archive_is_a_problem_and_no_crash(lab, tmp_path, data, complaint):
    submission = read(data, tmp_path, lab)
    assert complaint in submission.problem and submission.student == "ada"


def test_a_damaged_member_is_a_problem(lab, tmp_path):
    data = bytearray(archive([("sums.py", CODE * 50)]))
    data[45:60] = bytes(15)
    assert "cannot be read" in read(bytes(data), tmp_path, lab).problem


def test_a_bomb_is_never_unpacked(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_FILE", 1000)
    bomb = archive([("sums.py", bytes(50 << 20))])
    assert len(bomb) < 100_000 and "more than 1,000" in read(bomb, tmp_path, lab).problem


@given(st.binary(max_size=300), st.integers(0, 10**6))
def test_noise_in_an_archive_is_read_or_refused(tmp_path_factory, shared_lab, noise, place):
    data = bytearray(write_archive(shared_lab, {"sums.py": CODE}, "Ada"))
    place %= len(data)
    data[place : place + len(noise)] = noise
    submission = read(bytes(data), tmp_path_factory.getbasetemp(), shared_lab)
    assert submission.problem or set(submission.files) <= {"sums.py"}


@pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes")
@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/etc/passwd"), os.mkfifo])
def test_only_regular_files_are_opened(lab, tmp_path, make):
    (tmp_path / "eve").mkdir()
    make(tmp_path / "eve" / "sums.py")
    assert "not a regular file" in read_submission(tmp_path / "eve", lab).problem


@pytest.mark.parametrize(
    "manifest, student",
    [({"student": "Zoë"}, "Zoë"), ({"student": 3}, "ada"), ({"student": ""}, "ada"), ({}, "ada")],
)
def test_the_name_is_the_manifests_or_the_files(lab, tmp_path, manifest, student):
    data = archive([("sums.py", CODE), ("manifest.json", json.dumps(manifest))])
    assert read(data, tmp_path, lab).student == student


def test_an_answer_to_another_lab_is_refused_and_another_version_noted(lab, tmp_path):
    manifest = json.dumps({"lab": "products", "lab_version": "sha256:0"})
    submission = read(archive([("sums.py", CODE), ("manifest.json", manifest)]), tmp_path, lab)
    with pytest.raises(Rejected, match="answer to 'products'"):
        submission.complain(lab)
    assert "another version" in submission.note(lab)


def test_a_missing_file_is_named(lab):
    with pytest.raises(Rejected, match=r"no sums\.py"):
        Submission("Ada", {}).complain(lab)


def test_what_cannot_be_read_is_graded_with_zero_and_the_reason(lab, tmp_path):
    result = grade_submission(lab, read(b"", tmp_path, lab))
    assert result.score == 0 and "cannot be read" in result.problem
    assert {check.reason for check in result.checks} == {"missing"}


def test_the_hash_depends_on_names_and_contents_alone():
    hashes = {Submission(who, files).hash for who in "ab" for files in ({"x": b"1"}, {"x": b"2"})}
    assert len(hashes) == 2
    assert (
        Submission("a", {"x": b"1", "y": b"2"}).hash == Submission("a", {"y": b"2", "x": b"1"}).hash
    )
    assert Submission("a", {"x": b"12"}).hash != Submission("a", {"x1": b"2"}).hash
