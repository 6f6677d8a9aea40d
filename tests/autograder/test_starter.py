"""The hole is a name: what starters keep, what they hide, and how variants replace it."""

import ast

import pytest

from autograder.grade import grade_source
from autograder.lab import LabError, load_lab
from autograder.starter import (
    answer_files,
    answer_source,
    first_comment,
    starter_files,
    starter_source,
    variants,
)


def functions(source):
    return {n.name: n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)}


def test_a_starter_keeps_signature_decorators_comments_in_them_and_docstring(lab):
    source = starter_source(lab)
    assert (
        '''
@traced
def total(
    numbers: list[float],  # any length
) -> float:
    """The sum of ``numbers``.

    >>> total([1, 2])
    3
    """
    raise NotImplementedError("sums: write total")
'''
        in source
    )


def test_a_starter_hides_every_trace_of_the_answer(lab):
    source = starter_source(lab)
    for trace in ("gives it away", "_solution", "how the answer is found", "more about", "reduce("):
        assert trace not in source, trace


def test_a_starter_keeps_given_code_and_comes_in_order(lab):
    source = starter_source(lab)
    assert list(functions(source)) == ["traced", "total", "product", "given"]
    assert ast.get_docstring(ast.parse(source)) == "Sums and products of numbers."
    assert "EMPTY = 1" in source and "def after" not in source


def test_starter_and_answer_define_the_same_functions_with_the_same_signatures(lab):
    starter, answer = functions(starter_source(lab)), functions(answer_source(lab))
    assert starter.keys() == answer.keys() - {"_solution_product"}
    for name, node in starter.items():
        assert ast.dump(node.args) == ast.dump(answer[name].args)
        assert ast.get_docstring(node) == ast.get_docstring(answer[name])


def test_starters_are_the_same_every_time(lab):
    assert starter_source(lab) == starter_source(load_lab(lab.folder))


def test_a_bundle_serves_its_ready_starter(lab):
    (lab.folder / "starter").mkdir()
    (lab.folder / "starter" / lab.file).write_text("ready = True\n", encoding="utf-8")
    (lab.folder / "solution.py").unlink()
    assert starter_source(lab) == "ready = True\n"


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_missing_docstring_is_an_error_because_it_is_the_assignment(lab):
    change(
        lab.folder / "solution.py",
        '    """The product of ``numbers``; 1 when there are none."""\n',
        "",
    )
    with pytest.raises(LabError, match="product needs a docstring"):
        starter_source(lab)


@pytest.mark.parametrize("name", ["mlsys.first.summing:totals", "mlsys.first.nowhere:total"])
def test_a_rebuilt_function_that_is_not_there_is_an_error(lab, name):
    change(lab.folder / "lab.toml", "mlsys.first.summing:total", name)
    with pytest.raises(LabError, match=r"totals|cannot be read"):
        starter_source(load_lab(lab.folder))


def test_what_is_given_stands_whole_in_starter_and_answer(lab):
    path = lab.root / "mlsys/first/summing.py"
    shown = 'ROUNDS = 3\n\n\nclass Sum:\n    """A sum."""\n\n    value = 0\n'
    path.write_text(path.read_text(encoding="utf-8") + "\n\n" + shown, encoding="utf-8")
    change(
        lab.folder / "lab.toml",
        "imports =",
        'given = ["mlsys.first.summing:ROUNDS", "mlsys.first.summing:Sum"]\nimports =',
    )
    for source in (starter_source(load_lab(lab.folder)), answer_source(load_lab(lab.folder))):
        assert 'class Sum:\n    """A sum."""\n\n    value = 0\n' in source
        assert source.index("ROUNDS = 3") < source.index("class Sum") < source.index("def total")


def test_a_class_cannot_be_rebuilt(lab):
    path = lab.root / "mlsys/first/summing.py"
    path.write_text('class total:\n    """A class."""\n', encoding="utf-8")
    with pytest.raises(LabError, match="total is no function"):
        starter_source(lab)


def test_a_variant_replaces_by_name_and_may_bring_imports_and_helpers(lab):
    variant = (
        "from __future__ import annotations\n\nimport time\n\n\ndef _times(a, b):\n"
        "    return a * b\n\n\ndef product(numbers):\n"
        "    return functools.reduce(_times, numbers, EMPTY)\n\n\nEMPTY = 1.0\n"
    )
    source = answer_source(lab, variant)
    names = functions(source)
    assert list(names).count("product") == 1 and "_times" in names
    assert "EMPTY = 1.0" in source and "EMPTY = 1\n" not in source
    assert (
        grade_source(lab, source).checks[-1].message.startswith("twice the product should be int")
    )


@pytest.mark.parametrize("definition", ["def products(n):\n    return 1\n", "LIMIT = 3\n"])
def test_a_variant_of_a_name_that_is_gone_is_an_error(lab, definition):
    with pytest.raises(LabError, match="0 times in the answer"):
        answer_source(lab, definition)


def test_variants_are_found_by_kind_with_what_their_header_says(lab):
    wrong = variants(lab, "wrong")
    assert list(wrong) == ["zero"]
    assert first_comment(wrong["zero"], "loses") == ["multiplies"]
    assert first_comment(wrong["zero"], "why") == ["forgets to start at one."]
    assert first_comment(wrong["zero"], "keeps") == []


def with_review(lab):
    change(lab.folder / "lab.toml", 'file = "sums.py"', 'file = "sums.py"\nextra = ["review.toml"]')
    for folder, text in (("files", "verdict = ''\n"), ("answer", "verdict = 'good'\n")):
        (lab.folder / folder).mkdir()
        (lab.folder / folder / "review.toml").write_text(text, encoding="utf-8")
    return load_lab(lab.folder)


def test_extra_files_are_given_out_answered_and_varied(lab):
    lab = with_review(lab)
    assert starter_files(lab)["review.toml"] == b"verdict = ''\n"
    assert answer_files(lab)["review.toml"] == b"verdict = 'good'\n"
    variant = lab.folder / "wrong" / "no_verdict.toml"
    variant.write_text("# loses: x\n", encoding="utf-8")
    assert answer_files(lab, variant)["review.toml"] == b"# loses: x\n"
    assert answer_files(lab, variant)["sums.py"] == answer_source(lab).encode()
