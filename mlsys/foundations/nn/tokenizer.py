"""Byte-pair encoding: text as the numbers that a language model reads, and back.

Begin with the 256 bytes. Again and again, let the pair of neighbours that is most frequent in a
sample text become a token of its own; each merge makes every later text a little shorter.

    bytes                   t h e _ t h e n _ t h e y
    (h, e) -> 256            t 256 _ t 256 n _ t 256 y
    (t, 256) -> 257            257 _ 257 n _ 257 y

Recounting all pairs after each merge costs merges x sample; here the counts are corrected only
where a word changed, which costs one pass and then one step for each byte of each changed word.
Any text can be encoded, since any text is bytes, and decoding gives it back exactly.
Sources: Gage, "A new algorithm for data compression", C Users Journal 1994 (pairs of bytes);
Sennrich, Haddow & Birch, ACL 2016 (merges learned from words); Radford et al. 2019 (bytes again).
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pair = tuple[int, int]
BYTES = 256  # tokens 0 to 255 are the bytes; token BYTES + r is made by merge number r

# A word is letters, digits or other signs, with the one space before it; or white space. The last
# space before a word is left to the word: that is what the (?!\S) is for.
WORD = r" ?[^\W\d_]+| ?\d+| ?(?:[^\w\s]|_)+|\s+(?!\S)|\s+"
_find_words = re.compile(WORD).findall


def words(text: str) -> list[str]:
    """The text cut into words, which no merge crosses; nothing is lost between them.

    >>> words("Oh dear!  I shall be late!")
    ['Oh', ' dear', '!', ' ', ' I', ' shall', ' be', ' late', '!']
    """
    return _find_words(text)


def merged(word: Sequence[int], pair: Pair, token: int) -> list[int]:
    """The word with the token in place of each occurrence of the pair, taken from the left.

    >>> merged([7, 7, 7, 8], (7, 7), 256)
    [256, 7, 8]
    """
    left, right = pair
    out: list[int] = []
    i, last = 0, len(word) - 1
    while i <= last:
        if word[i] == left and i < last and word[i + 1] == right:
            out.append(token)
            i += 2
        else:
            out.append(word[i])
            i += 1
    return out


# ---------------------------------------------------------------- learning the merges


def learn_naive(sample: Mapping[bytes, int], merges: int) -> list[Pair]:
    """The first ``merges`` pairs to merge: count all, merge the most frequent, count again.

    sample: how often each word occurs. Of equally frequent pairs the smaller one is merged, first
    by its left token, then by its right. Stops early when no pair occurs twice.
    Work: ``merges`` passes over the distinct words.
    """
    times = list(sample.values())
    split = [list(word) for word in sample]
    learned: list[Pair] = []
    while len(learned) < merges:
        counts: Counter[Pair] = Counter()
        for word, n in zip(split, times, strict=True):
            for pair in pairwise(word):
                counts[pair] += n
        best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if best is None or counts[best] < 2:
            break
        split = [merged(word, best, BYTES + len(learned)) for word in split]
        learned.append(best)
    return learned


def learn(sample: Mapping[bytes, int], merges: int) -> list[Pair]:
    """As ``learn_naive``, pair for pair; a merge costs only the words in which it happens.

    Work: one pass over the distinct words, then for each merge the lengths of the words that
    contain its pair. (Words are short. In a sample that is one long word, nothing is gained.)
    """
    pairs = Pairs(sample)
    learned: list[Pair] = []
    while len(learned) < merges and (best := pairs.most_frequent()):
        pairs.merge(best, BYTES + len(learned))
        learned.append(best)
    return learned


class Pairs:
    """Words, how often each pair of neighbours occurs in them, and where."""

    def __init__(self, sample: Mapping[bytes, int]) -> None:
        self.times = list(sample.values())
        self.words = [list(word) for word in sample]
        self.counts: Counter[Pair] = Counter()
        self.places: defaultdict[Pair, set[int]] = defaultdict(set)  # words, perhaps not any more
        for place in range(len(self.words)):
            self._count(place, 1)
        self._queue = [(-n, pair) for pair, n in self.counts.items()]
        heapify(self._queue)

    def most_frequent(self) -> Pair | None:
        """The pair that occurs most often, if it occurs twice; of several the smallest.

        A count that changes is queued again and its old entry left behind: an entry that
        disagrees with the counts is skipped when it comes up.
        """
        while self._queue:
            n, pair = self._queue[0]
            if -n == self.counts[pair]:
                return pair if -n >= 2 else None
            heappop(self._queue)
        return None

    def merge(self, pair: Pair, token: int) -> None:
        """Put the token in place of the pair, and correct the counts of the pairs around it."""
        changed: set[Pair] = set()
        for place in self.places.pop(pair):
            new = merged(self.words[place], pair, token)
            if len(new) < len(self.words[place]):
                changed |= self._count(place, -1)
                self.words[place] = new
                changed |= self._count(place, 1)
        for each in changed:
            heappush(self._queue, (-self.counts[each], each))

    def _count(self, place: int, sign: int) -> set[Pair]:
        """Add the pairs of one word to the counts, or take them away; return these pairs."""
        found = list(pairwise(self.words[place]))
        for pair in found:
            self.counts[pair] += sign * self.times[place]
            self.places[pair].add(place)
        return set(found)


# ---------------------------------------------------------------- applying them


def apply_naive(word: Sequence[int], ranks: Mapping[Pair, int]) -> list[int]:
    """Merge the pair that was learned first, wherever it stands; look again; until none is left.

    ranks: the number of each merge. Work: a pass over the word for each merge in it, so the square
    of its length in the worst case.
    """
    tokens = list(word)
    while True:
        first = min((ranks[p] for p in pairwise(tokens) if p in ranks), default=None)
        if first is None:
            return tokens
        pair = next(p for p in pairwise(tokens) if ranks.get(p) == first)
        tokens = merged(tokens, pair, BYTES + first)


def apply(word: Sequence[int], ranks: Mapping[Pair, int]) -> list[int]:
    """As ``apply_naive``, in n log n steps for a word of n bytes.

    The pairs wait in a queue, by rank and then from the left; the tokens are a linked list. A merge
    makes only pairs of higher rank, since its token was not there before it was learned, so all
    pairs of one rank are merged before any of the next.
    """
    tokens: list[Any] = list(word)  # or None: swallowed by the token to the left
    before, after = list(range(-1, len(word) - 1)), list(range(1, len(word) + 1))
    queue = [(ranks[p], i, p) for i, p in enumerate(pairwise(word)) if p in ranks]
    heapify(queue)
    while queue:
        rank, i, pair = heappop(queue)
        j = after[i]
        if j == len(word) or (tokens[i], tokens[j]) != pair:
            continue  # a merge came between
        tokens[i], tokens[j] = BYTES + rank, None
        after[i] = after[j]
        if after[j] < len(word):
            before[after[j]] = i
        for left, right in ((before[i], i), (i, after[i])):
            if left >= 0 and right < len(word):
                new = (tokens[left], tokens[right])
                if new in ranks:
                    heappush(queue, (ranks[new], left, new))
    return [token for token in tokens if token is not None]


@dataclass(frozen=True)
class BytePairEncoding:
    """A tokenizer: its merges, in the order in which they were learned.

    merges: pair number r is what token 256 + r stands for; both halves are smaller numbers.

    >>> tokenizer = BytePairEncoding.train("the then they", size=258)
    >>> tokenizer.encode("these"), tokenizer.decode([257, 110])
    (array([257, 115, 101]), 'then')
    """

    merges: tuple[Pair, ...]

    def __post_init__(self) -> None:
        for r, pair in enumerate(self.merges):
            if not (len(pair) == 2 and all(0 <= token < BYTES + r for token in pair)):
                raise ValueError(
                    f"merge {r} makes token {BYTES + r} and may join two tokens smaller than that, "
                    f"not {pair}; keep the merges in the order in which they were learned"
                )
        if len(self.ranks) < len(self.merges):
            raise ValueError("a pair stands twice among the merges; the second can never happen")

    @classmethod
    def train(cls, text: str, size: int) -> BytePairEncoding:
        """Learn from a sample text; ``size`` tokens, or fewer if no pair is left to occur twice.

        Raises ValueError if size is below 256, for the bytes have their tokens already.
        """
        if size < BYTES:
            raise ValueError(f"size: {size} is too small; each of the {BYTES} bytes is a token")
        sample = {word.encode(): n for word, n in Counter(words(text)).items()}
        return cls(tuple(learn(sample, size - BYTES)))

    @property
    def size(self) -> int:
        """The number of tokens; all that ``encode`` gives are smaller."""
        return BYTES + len(self.merges)

    @cached_property
    def ranks(self) -> dict[Pair, int]:
        """The number of each merge."""
        return {pair: r for r, pair in enumerate(self.merges)}

    @cached_property
    def vocabulary(self) -> list[bytes]:
        """The bytes that each token stands for."""
        pieces = [bytes([byte]) for byte in range(BYTES)]
        for left, right in self.merges:
            pieces.append(pieces[left] + pieces[right])
        return pieces

    def encode(self, text: str) -> NDArray[np.int64]:
        """The tokens of a text, one after the other, shape (tokens,).

        A word that comes again is looked up. Raises UnicodeEncodeError for half a surrogate pair,
        which is not text and has no bytes.
        """
        known: dict[str, list[int]] = {}
        tokens: list[int] = []
        for word in words(text):
            if word not in known:
                known[word] = apply(word.encode(), self.ranks)
            tokens += known[word]
        return np.array(tokens, dtype=np.int64)

    def decode(self, tokens: Iterable[int]) -> str:
        """The text behind the tokens; U+FFFD where they cut a character in two.

        Raises ValueError for a number that is no token.
        """
        numbers = np.asarray(list(tokens), dtype=np.int64)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < self.size:
            raise ValueError(
                f"decode: tokens run from {numbers.min()} to {numbers.max()}, but this tokenizer "
                f"has {self.size}, from 0; was the text encoded with another one?"
            )
        return b"".join(self.vocabulary[n] for n in numbers).decode(errors="replace")

    def to_json(self) -> str:
        """All there is to it: the merges, and the rule by which words are cut."""
        return json.dumps({"words": WORD, "merges": self.merges})

    @classmethod
    def from_json(cls, text: str) -> BytePairEncoding:
        """The tokenizer that ``to_json`` wrote; ValueError if the text is something else."""
        stored = json.loads(text)
        if not isinstance(stored, dict) or stored.keys() != {"words", "merges"}:
            raise ValueError('from_json: expected {"words": ..., "merges": [...]}, as of to_json')
        if stored["words"] != WORD:
            raise ValueError(
                f"from_json: these merges were learned on words cut by {stored['words']!r}, but "
                f"this version cuts by {WORD!r}; train the tokenizer again"
            )
        return cls(tuple(map(tuple, stored["merges"])))
