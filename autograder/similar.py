"""Which answers were written together: pairs of files that share more than they should.

Winnowing (Schleimer, Wilkerson & Aiken, SIGMOD 2003, doi:10.1145/872757.872770): of all runs of `K`
tokens, the one of the smallest hash in each window of `W` is a fingerprint, so that any run of
W + K - 1 tokens that two definitions share leaves a fingerprint that they share. All names are one
token, all numbers and all texts; comments, docstrings, commas and layout are none. Each top-level
statement is taken for itself, so that their order does not matter. What the starter holds, and
what many have, tells nothing. A short lab tells little: two right answers of ten lines are alike.

A pair is a reason to read two files, not a proof, and who changes the structure is not found.
"""

from __future__ import annotations

import io
import json
import keyword
import token
import tokenize
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, combinations
from pathlib import Path
from typing import NamedTuple

from autograder.lab import Lab, LabError
from autograder.source import Rejected, vet
from autograder.submission import read_submission

K, W = 23, 17
LEAST = 8  # fingerprints that a pair must share
FEW, MANY = 5, 0.1  # what more students have than FEW, and than this part of all, tells nothing

_BREAKS = {token.NEWLINE, token.INDENT, token.DEDENT}
_SILENT = {*_BREAKS, token.COMMENT, token.NL, token.ENDMARKER}
_WORDS = [*keyword.kwlist, *sorted(token.EXACT_TOKEN_TYPES.keys() - {",", ";"})]
_CODES = {word: code for code, word in enumerate(_WORDS, start=8)}

Lines = tuple[int, int]  # first and last
Prints = dict[bytes, Lines]


class Work(NamedTuple):
    """One file. source: what tells it from the others; student: whose name it carries."""

    source: str
    student: str
    text: str


class Pair(NamedTuple):
    """Two works; ``shares``: what they have in common, as part of each one's own fingerprints.

    lines: where they match, as (first, last) in ``one`` and (first, last) in ``other``.
    """

    one: Work
    other: Work
    common: int
    shares: Sequence[float]
    lines: Sequence[tuple[Lines, Lines]]


def read_work(path: Path, lab: Lab) -> Work:
    """The main file that was handed in at ``path``; `LabError` when it cannot be compared."""
    submission = read_submission(path, lab)
    try:
        submission.complain(lab)
        vet(lab, submission.files[lab.file], closed=set())
        text = submission.files[lab.file].decode("utf-8-sig")
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        fingerprints(text)
        return Work(path.name, submission.student, text)
    except (Rejected, SyntaxError, tokenize.TokenError) as why:
        raise LabError(f"{path.name} is left out: {why}") from None


def similar(works: Iterable[Work], starter: str, least: int = LEAST) -> list[Pair]:
    """Pairs with at least ``least`` fingerprints in common, the largest share first.

    Of works under one name, such as a student's attempts, only the strongest pair.
    """
    works = sorted(works, key=lambda work: work.source)
    prints = [fingerprints(work.text) for work in works]
    telling = _telling(works, prints, starter)
    own = Counter(chain.from_iterable(telling.values()))
    common = Counter(chain.from_iterable(combinations(k, 2) for k in telling.values()))
    enough = [pair for pair, n in common.items() if n >= least]
    shares = {(a, b): (common[a, b] / own[a], common[a, b] / own[b]) for a, b in enough}
    found, alone = list[Pair](), set[str]()
    for a, b in sorted(shares, key=lambda pair: (-max(shares[pair]), -min(shares[pair]), pair)):
        one, other = works[a], works[b]
        if one.student == other.student and one.student in alone:
            continue
        alone |= {one.student} & {other.student}
        both = prints[a].keys() & prints[b].keys() & telling.keys()
        lines = _joined(sorted((prints[a][gram], prints[b][gram]) for gram in both))
        found.append(Pair(one, other, common[a, b], shares[a, b], lines))
    return found


def _telling(works: list[Work], prints: list[Prints], starter: str) -> dict[bytes, list[int]]:
    """Which works have each fingerprint that neither the starter nor many students have."""
    given = {gram for runs in _runs(starter) for gram, _ in runs}
    holders: dict[bytes, list[int]] = defaultdict(list)
    for k, each in enumerate(prints):
        for gram in each.keys() - given:
            holders[gram].append(k)
    most = max(FEW, MANY * len({work.student for work in works}))
    return {g: k for g, k in holders.items() if len({works[one].student for one in k}) <= most}


def _joined(spans: Iterable[tuple[Lines, Lines]]) -> list[tuple[Lines, Lines]]:
    """``spans``, each joined to the last one if it goes on there in both files."""
    found = [((0, -1), (0, -1))]
    for (first, last), (mate, end) in spans:
        one, other = found[-1]
        if first <= one[1] + 1 and other[0] <= mate <= other[1] + 1:
            found[-1] = (one[0], max(one[1], last)), (other[0], max(other[1], end))
        else:
            found.append(((first, last), (mate, end)))
    return found[1:]


@lru_cache(maxsize=8192)
def fingerprints(text: str) -> Prints:
    """The runs of tokens that stand for ``text``, each with its first and last line."""
    found: Prints = {}
    for runs in _runs(text):
        for k in winnow([zlib.crc32(gram) for gram, _ in runs]):
            found.setdefault(*runs[k])
    return found


def winnow(hashes: Sequence[int], window: int = W) -> list[int]:
    """Places of the smallest hash of each window; of several that are smallest, the rightmost.

    >>> winnow([77, 74, 42, 17, 98, 50, 17, 98, 8, 88, 67, 39, 77, 74, 42, 17, 98], window=4)
    [3, 6, 8, 11, 15]
    """
    chosen: dict[int, None] = {}
    for start in range(max(len(hashes) - window, 0) + 1 if hashes else 0):
        seen = hashes[start : start + window]
        chosen[start + len(seen) - 1 - seen[::-1].index(min(seen))] = None
    return list(chosen)


def _runs(text: str) -> Iterator[list[tuple[bytes, Lines]]]:
    """For each top-level statement all runs of K tokens, one byte a token, and their lines."""
    for tokens in _statements(text):
        codes, lines = bytes(code for code, _ in tokens), [line for _, line in tokens]
        starts = range(len(codes) - K + 1)
        yield [(codes[k : k + K], (lines[k], lines[k + K - 1])) for k in starts]


def _statements(text: str) -> Iterator[list[tuple[int, int]]]:
    """For each top-level statement the codes of its tokens and their lines."""
    tokens: list[tuple[int, int]] = []
    fresh = True  # at the begin of a statement
    for kind, word, (line, column), *_ in tokenize.generate_tokens(io.StringIO(text).readline):
        if kind in _SILENT:
            fresh = fresh or kind in _BREAKS
            continue
        if fresh and not column:
            yield tokens
            tokens = []
        if word not in (",", ";") and not (fresh and kind == token.STRING):  # no docstrings
            tokens.append((_CODES.get(word, kind), line))
        fresh = False
    yield tokens


def save(lab: Lab, pairs: Sequence[Pair]) -> str:
    """``pairs`` as the text of a file that `load` reads."""
    return json.dumps({"lab": lab.name, "pairs": pairs})


def load(path: Path) -> tuple[str, list[Pair]]:
    """The lab's name and the pairs of a file that `save` wrote."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        pairs = [Pair(Work(*one), Work(*other), *rest) for one, other, *rest in data["pairs"]]
        return data["lab"], pairs
    except (ValueError, KeyError, TypeError):
        raise LabError(f"{path} holds no pairs; write it with: autograder similar") from None
