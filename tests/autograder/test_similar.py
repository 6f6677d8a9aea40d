"""Similarity: what no disguise changes, what is found for certain, and what is noise."""

import ast
import io
import keyword
import random
import tokenize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.lab import LabError, find_labs
from autograder.similar import (
    FEW,
    LEAST,
    K,
    W,
    Work,
    fingerprints,
    load,
    read_work,
    save,
    similar,
    winnow,
)
from autograder.starter import answer_source, starter_source, variants

OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "@", "<", ">", "==", "!=", "<=", ">="]
TEMPLATES = [
    "{a} = {b} {o} {c}",
    "{a}[{b}] = {c}({b}, {a}) {o} {n}",
    "if {a} {o} {n}: {b} = [{c}, {n}]",
    "for {a} in {b}({c} {o} {n}): {c}.append({a})",
    "while {a} {o} {b}: {a} {o} {c}",
    "{a} = {{{b}: {c} {o} {n} for {b} in {a}}}",
    "return {a} {o} ({b} {o} {c}), not {c}",
    "assert {a}.{b}({c}) {o} {n}, 'no {n}'",
    "{a} = lambda {b}: {b} {o} {c}[{n}:]",
    "del {a}[{b}:{c}]; {a} = {b} is {c} or {n} {o} {b}",
]


def statements(rng, count, names="abcdefgh"):
    """Random lines of Python, each of several tokens."""
    rows = []
    for _ in range(count):
        a, b, c = rng.choices(names, k=3)
        operator, number = rng.choice(OPERATORS), rng.randrange(1000)
        rows.append(rng.choice(TEMPLATES).format(a=a, b=b, c=c, o=operator, n=number))
    return rows


def function(name, rows):
    return f"def {name}(a, b):\n" + "".join(f"    {row}\n" for row in rows)


def programme(seed, functions=4, rows=14):
    rng = random.Random(seed)
    return [function(f"f{k}", statements(rng, rows)) for k in range(functions)]


def pairs_of(*texts, starter="", least=1):
    works = [Work(f"{k}.py", f"student {k}", text) for k, text in enumerate(texts)]
    return similar(works, starter, least)


def renamed(text):
    """Every name another one, every number and text another one."""
    changed = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        word = token.string
        if token.type == tokenize.NAME and not keyword.iskeyword(word):
            word = f"other_{word}"
        elif token.type == tokenize.NUMBER:
            word = "12345"
        elif token.type == tokenize.STRING:
            word = "'else'"
        changed.append((token.type, word))
    return tokenize.untokenize(changed)


def with_comments(text):
    rows = []
    for row in text.splitlines():
        rows += ["# one more", "", f"{row}  # why not"]
    return "\n".join(rows) + "\n"


def with_docstrings(text):
    return text.replace("(a, b):\n", '(a, b):\n    """What it does,\n\n    and how."""\n')


DISGUISES = {
    "other names": renamed,
    "layout of a formatter": lambda text: ast.unparse(ast.parse(text)).replace("    ", "\t"),
    "comments": with_comments,
    "docstrings": with_docstrings,
    "line ends": lambda text: text.replace("\n", "\n\n"),
    "order": lambda text: "\n".join(reversed(text.split("\n\n"))),
}


@pytest.mark.parametrize("disguise", DISGUISES)
@given(st.integers(0, 10**6))
def test_a_disguise_hides_nothing(disguise, seed):
    # ast.unparse writes its own parentheses: begin with a text that has them already
    text = ast.unparse(ast.parse("\n\n".join(programme(seed))))
    text = text.replace("\ndef ", "\n\ndef ").replace("\n\n\n", "\n\n")
    other = DISGUISES[disguise](text)
    ast.parse(other)
    assert fingerprints(other).keys() == fingerprints(text).keys() != set()
    [pair] = pairs_of(text, other)
    assert tuple(pair.shares) == (1.0, 1.0)


@given(st.lists(st.integers(0, 30), max_size=120), st.integers(1, 20))
def test_winnowing_chooses_the_smallest_of_each_window_and_nothing_else(hashes, window):
    chosen = winnow(hashes, window)
    wanted = set()
    for start in range(len(hashes) - window + 1):
        smallest = min(hashes[start : start + window])
        places = [k for k in range(start, start + window) if hashes[k] == smallest]
        wanted.add(places[-1])
        assert any(start <= k < start + window for k in chosen)
    if len(hashes) >= window:
        assert chosen == sorted(wanted)
    else:
        assert len(chosen) == min(len(hashes), 1)


@given(st.integers(0, 10**6), st.integers(0, 10), st.integers(0, 10))
def test_any_common_run_that_is_long_enough_is_found(seed, before, behind):
    rng = random.Random(seed)
    run = []
    while _tokens(run) < W + K - 1:
        run += statements(rng, 1)
    one = function("f", [*statements(rng, before), *run, *statements(rng, behind)])
    other = function("g", [*statements(rng, behind), *run, *statements(rng, before)])
    [pair] = pairs_of(one, other)
    ((first, last), (begin, end)) = next(
        span for span in pair.lines if span[0][0] <= before + 1 + len(run) and span[0][1] > before
    )
    assert first <= last <= one.count("\n") and begin <= end <= other.count("\n")


def _tokens(rows):
    """The tokens that count, counted in another way: those a reader would call words."""
    silent = {tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    text = "".join(f"{row}\n" for row in rows)
    return sum(
        token.type not in silent and token.string not in ",;"
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
    )


@given(st.integers(0, 10**6), st.integers(2, FEW))
def test_the_order_of_the_works_does_not_matter_and_shares_are_parts(seed, count):
    rng = random.Random(seed)
    pool = programme(seed, functions=8)
    texts = ["\n\n".join(rng.sample(pool, rng.randrange(1, 6))) for _ in range(count)]
    works = [Work(f"{k}.py", f"student {k}", text) for k, text in enumerate(texts)]
    found = similar(works, "", 1)
    assert similar(works[::-1], "", 1) == found
    for pair in found:
        one, other = (fingerprints(work.text).keys() for work in (pair.one, pair.other))
        assert pair.one.source < pair.other.source
        assert pair.common == len(one & other)
        assert pair.shares == (pair.common / len(one), pair.common / len(other))
    strengths = [max(pair.shares) for pair in found]
    assert strengths == sorted(strengths, reverse=True)


@given(st.integers(0, 10**6))
def test_what_was_given_out_is_not_shared(seed):
    given_out = programme(seed, functions=6)
    own = programme(seed + 1, functions=2)
    starter = "\n\n".join(given_out)
    one, other = "\n\n".join([*given_out, own[0]]), "\n\n".join([*given_out[::-1], own[1]])
    assert pairs_of(starter, starter, starter=starter) == []
    left = pairs_of(*own, starter=starter)
    assert [p.shares for p in pairs_of(one, other, starter=starter)] == [p.shares for p in left]
    assert pairs_of(one, one, starter=starter)[0].shares == (1.0, 1.0)


def test_lines_say_where_it_is():
    rng = random.Random(1)
    shared = statements(rng, 30)
    one = function("f", shared) + function("g", statements(rng, 10))
    other = "X = 1\n\n" + function("h", statements(rng, 20)) + function("i", shared)
    [pair] = pairs_of(one, other)
    [((first, last), (begin, end))] = pair.lines
    assert (first, begin) <= (5, 30) and (begin - first, end - last) == (23, 23)
    assert last - first > 24  # at most what one window leaves out at each end


def test_what_many_have_tells_nothing():
    common = function("f", statements(random.Random(0), 14))
    own = [function("g", statements(random.Random(k), 14)) for k in range(1, 100)]
    assert len(pairs_of(*[common + text for text in own[:FEW]])) == FEW * (FEW - 1) // 2
    assert pairs_of(*[common + text for text in own[: FEW + 1]]) == []


def test_short_works_are_noise():
    short = function("f", statements(random.Random(3), 5))
    assert pairs_of(short, short, least=1) and pairs_of(short, short, least=LEAST) == []


def test_of_works_under_one_name_only_the_strongest_pair_is_kept():
    text, more = "\n\n".join(programme(1)), "\n\n".join(programme(2))
    works = [Work("a1", "Ada", text), Work("a2", "Ada", text + "\n" + more), Work("b", "Bob", text)]
    works += [Work("a3", "Ada", text)]
    found = [(pair.one.source, pair.other.source) for pair in similar(works, "", 1)]
    assert sorted(found) == [("a1", "a3"), ("a1", "b"), ("a2", "b"), ("a3", "b")]


UNREADABLE = {
    "syntax.py": b"def f(:\n",
    "nothing.zip": b"PK",
    "picture.py": b"%PDF-1.7\n\0\xe2\xe3",
    "huge.py": b"x = 1\n" * 60_000,
    "deep.py": b"(" * 5000 + b")" * 5000,
    "recoded.py": b"# coding: utf-7\n+AHg- = 1\n",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_compared_is_left_out_with_the_reason(lab, tmp_path, name):
    (tmp_path / name).write_bytes(UNREADABLE[name])
    try:
        work = read_work(tmp_path / name, lab)
    except LabError as why:
        assert str(why).startswith(f"{name} is left out: ")
    else:
        assert name == "recoded.py" and similar([work], "") == []


def test_pairs_come_back_from_their_file_and_others_are_refused(lab, tmp_path):
    text = "\n\n".join(programme(5)) + "# \u202e <b> \ud800".encode(errors="replace").decode()
    pairs = pairs_of(text, text)
    file = tmp_path / "pairs.json"
    file.write_text(save(lab, pairs), encoding="utf-8")
    name, again = load(file)
    assert name == lab.name and save(lab, again) == save(lab, pairs)
    for other in ("[]", "{}", '{"lab": "x", "pairs": [{"one": 1}]}', "no JSON"):
        file.write_text(other)
        with pytest.raises(LabError, match="autograder similar"):
            load(file)


@pytest.mark.parametrize("name", ["autodiff", "nn"])
def test_in_a_real_lab_a_copy_stands_out_and_independent_answers_do_not(name, root):
    lab = find_labs(root)[name]
    independent = [
        Work(path.stem, path.stem, path.read_text(encoding="utf-8"))
        for path in variants(lab, "right").values()
    ]
    answer = answer_source(lab)
    copy = renamed("\n".join(reversed(answer.split("\n\n\n"))))
    works = [Work("answer", "Ada", answer), Work("copy", "Bob", copy), *independent]
    pairs = similar(works, starter_source(lab))
    assert {pairs[0].one.student, pairs[0].other.student} == {"Ada", "Bob"}
    assert min(pairs[0].shares) > 0.9
    assert all(max(pair.shares) < 0.5 for pair in pairs[1:])
