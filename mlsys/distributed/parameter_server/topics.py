"""Topics of a text (latent Dirichlet allocation), by Gibbs sampling on shared counts.

Each word of each document has a topic. A sweep draws it anew for one word after the other, given
all other topics, with a chance that goes with two factors: how often the topic occurs in this
document, and how often this word has the topic anywhere. The first is known to whoever holds the
document. The second are the counts that all workers share: a row for each word, and a last row with
the sums. A worker pulls the rows of its words, sweeps over its documents, and pushes how the counts
have changed, as integers. Changes add up in any order: counts may be old, but are never wrong, and
between sweeps they are what one machine would count.
Source: Griffiths and Steyvers, PNAS 101, 2004; on many machines: Newman et al., "Distributed
algorithms for topic models", JMLR 10, 2009, and Li et al., OSDI 2014, section 5.3.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlsys.distributed.parameter_server.client import Client

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Corpus:
    """Documents as lists of words, words as places in the vocabulary."""

    vocabulary: list[str]
    documents: list[list[int]]

    @property
    def length(self) -> int:
        """Words of all documents."""
        return sum(map(len, self.documents))

    def part(self, index: int, workers: int) -> list[list[int]]:
        """Every so-manieth document."""
        return self.documents[index::workers]


def corpus(text: str, *, window: int = 200, most: float = 0.2, least: int = 5) -> Corpus:
    """Cut a text into documents of ``window`` words, and keep the words that may tell them apart.

    Kept are those of three letters or more that occur ``least`` times or more, in no more than a
    share ``most`` of the documents.
    """
    words = re.findall(r"[a-z]{3,}", text.lower())
    documents = [words[i : i + window] for i in range(0, len(words), window)]
    often = Counter(words)
    spread = Counter(word for document in documents for word in {*document})
    kept = sorted(w for w in often if often[w] >= least and spread[w] <= most * len(documents))
    place = {word: i for i, word in enumerate(kept)}
    return Corpus(kept, [[place[w] for w in d if w in place] for d in documents])


@dataclass(frozen=True)
class Prior:
    """How many topics, and how evenly they spread over a document, and words over a topic."""

    topics: int
    document: float = 0.1  # alpha
    word: float = 0.05  # beta


def chances(
    held: list[int], row: list[int], total: list[int], words: int, prior: Prior
) -> list[float]:
    """How likely each topic is for a word, up to a factor, given the topics of all other words.

    held: how many words of its document have each topic; row: how often the word has it anywhere;
    total: how many words have it anywhere; each without the word in question.
    """
    alpha, beta, all_beta = prior.document, prior.word, words * prior.word
    counts = zip(held, row, total, strict=True)
    return [(h + alpha) * (r + beta) / (t + all_beta) for h, r, t in counts]


class Sampler:
    """Documents, and the topic of each of their words.

    topics: lists of the same lengths as the documents. held: for each document, how many of its
    words have each topic.
    """

    def __init__(self, documents: list[list[int]], prior: Prior, random: Random) -> None:
        self.documents, self.prior, self.random = documents, prior, random
        self.topics = [[random.randrange(prior.topics) for _ in each] for each in documents]
        self.held = [np.bincount(z, minlength=prior.topics).tolist() for z in self.topics]

    def counts(self, words: int) -> Counts:
        """What these documents add to the shared counts, (words + 1, topics)."""
        table = np.zeros((words + 1, self.prior.topics), dtype=np.int64)
        for document, topics in zip(self.documents, self.topics, strict=True):
            np.add.at(table, (document, topics), 1)
        table[-1] = table[:-1].sum(axis=0)
        return table

    def sweep(self, counts: Counts) -> Counts:
        """Draw every topic anew; returns the counts, (words + 1, topics), as they are then."""
        rows: list[list[int]] = counts.tolist()
        for document, topics, held in zip(self.documents, self.topics, self.held, strict=True):
            for i, word in enumerate(document):
                topics[i] = self._draw(topics[i], held, rows[word], rows[-1], len(rows) - 1)
        return np.array(rows, dtype=np.int64)

    def _draw(self, old: int, held: list[int], row: list[int], total: list[int], n: int) -> int:
        """Take a word out of its topic, and put it into one that is drawn given all others."""
        held[old] -= 1
        row[old] -= 1
        total[old] -= 1
        chance = chances(held, row, total, n, self.prior)
        left = self.random.random() * sum(chance)
        new = 0
        while (left := left - chance[new]) > 0 and new < len(chance) - 1:
            new += 1
        held[new] += 1
        row[new] += 1
        total[new] += 1
        return new


# ------------------------------------------------------------ how good a sample is


def word_score(counts: Counts, prior: Prior) -> float:
    """log p(words | topics), in nats, of counts of shape (words + 1, topics)."""
    rows, total, n = counts[:-1], counts[-1], len(counts) - 1
    spread = _log_gamma(rows, prior.word).sum() - _log_gamma(total, n * prior.word).sum()
    return float(spread + _constant(prior.topics, n, prior.word))


def topic_score(held: list[list[int]], prior: Prior) -> float:
    """log p(topics), in nats, of how many words of each topic each document holds."""
    rows = np.array(held, dtype=np.int64).reshape(-1, prior.topics)
    total = _log_gamma(rows.sum(axis=1), prior.topics * prior.document).sum()
    spread = _log_gamma(rows, prior.document).sum() - total
    return float(spread + _constant(len(rows), prior.topics, prior.document))


def _log_gamma(counts: Counts, more: float) -> NDArray[np.float64]:
    """log gamma(count + more), computed once for each count that there is."""
    values, where = np.unique(counts, return_inverse=True)
    return np.array([math.lgamma(value + more) for value in values.tolist()])[where]


def _constant(draws: int, choices: int, prior: float) -> float:
    """The constant of so many symmetric Dirichlet distributions."""
    return draws * (math.lgamma(choices * prior) - choices * math.lgamma(prior))


def top_words(counts: Counts, vocabulary: list[str], n: int = 8) -> list[list[str]]:
    """The most frequent words of each topic."""
    order = np.argsort(-counts[:-1], axis=0, kind="stable")[:n].T
    return [[vocabulary[word] for word in topic] for topic in order.tolist()]


# ------------------------------------------------------------ many machines, and one


class Sampling(NamedTuple):
    """What a sampler returns. scores: log p(words, topics), at first and after each sweep.

    Of several workers each has the scores of its documents, and the first that of all words
    besides, from counts as it has pulled them: the scores of all add up.
    """

    topics: list[list[int]]
    scores: NDArray[np.float64]
    counts: Counts  # as they were seen last; the first worker sees those of all words


def work(
    client: Client,
    text: Corpus,
    prior: Prior,
    sweeps: int,
    random: Random,
    *,
    table: str = "topics",
    seconds: float = 0.0,
) -> Sampling:
    """Sample the topics of this worker's documents. The table adds rows of ``topics`` integers.

    Each worker adds to a count, at any time, what it counts itself, and has had its last push
    confirmed before it pulls: so no count that it sees is less than its own, and none is negative.
    seconds: what a sweep costs on the virtual clock.
    """
    mine = text.part(client.index, len(client.workers))
    sampler, scores = Sampler(mine, prior, random), []
    shared = np.zeros((len(text.vocabulary) + 1, prior.topics), dtype=np.int64)
    news = sampler.counts(len(text.vocabulary))
    keys = np.arange(len(shared)) if client.index == 0 else np.flatnonzero(news.any(axis=1))
    listed = client.keys(table, keys)
    for sweep in range(sweeps + 1):
        client.push(table, listed, news[keys]).wait()
        shared[keys] = client.pull(table, listed).wait()
        words = word_score(shared, prior) if client.index == 0 else 0.0
        scores.append(words + topic_score(sampler.held, prior))
        if sweep < sweeps:
            news = sampler.sweep(shared) - shared
            client.compute(seconds)
    return Sampling(sampler.topics, np.array(scores), shared)


def alone(text: Corpus, prior: Prior, sweeps: int, random: Random) -> Sampling:
    """The same on one machine: each draw sees all that were drawn before it."""
    sampler = Sampler(text.documents, prior, random)
    counts = sampler.counts(len(text.vocabulary))
    scores = [word_score(counts, prior) + topic_score(sampler.held, prior)]
    for _ in range(sweeps):
        counts = sampler.sweep(counts)
        scores.append(word_score(counts, prior) + topic_score(sampler.held, prior))
    return Sampling(sampler.topics, np.array(scores), counts)
