"""Counts are conserved, each draw is from the right distribution, and many samplers are one."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster import SimulatedCluster
from mlsys.distributed.parameter_server.consistency import ASP, BSP, SSP, Consistency
from mlsys.distributed.parameter_server.group import Group, Table
from mlsys.distributed.parameter_server.node import run
from mlsys.distributed.parameter_server.topics import (
    Corpus,
    Counts,
    Prior,
    Sampler,
    Sampling,
    alone,
    chances,
    corpus,
    top_words,
    topic_score,
    word_score,
    work,
)
from mlsys.foundations.datasets import alice

WORDS, PRIOR = 6, Prior(3, document=0.3, word=0.2)
documents = st.lists(st.lists(st.integers(0, WORDS - 1), max_size=9), min_size=1, max_size=5)


def sampler(texts: list[list[int]], seed: int) -> Sampler:
    return Sampler(texts, PRIOR, Random(seed))


@given(documents, st.integers(0, 10**6))
def test_a_sweep_conserves_words_and_documents(texts: list[list[int]], seed: int) -> None:
    made = sampler(texts, seed)
    before = made.counts(WORDS)
    after = made.sweep(before)
    np.testing.assert_array_equal(after, made.counts(WORDS))
    np.testing.assert_array_equal(after[:-1].sum(axis=1), before[:-1].sum(axis=1))
    assert after.min() >= 0
    assert made.held == [[z.count(k) for k in range(PRIOR.topics)] for z in made.topics]


@given(documents.filter(lambda texts: any(texts)), st.integers(0, 10**6))
def test_a_draw_is_in_proportion_to_the_joint_probability(
    texts: list[list[int]], seed: int
) -> None:
    """Gibbs: given all others, topics of a word are as likely as all topics with it."""
    made = sampler(texts, seed)
    d = next(i for i, text in enumerate(texts) if text)
    word, old = texts[d][0], made.topics[d][0]
    counts = made.counts(WORDS)
    counts[[word, -1], old] -= 1
    made.held[d][old] -= 1
    given_others = np.log(
        chances(made.held[d], counts[word].tolist(), counts[-1].tolist(), WORDS, PRIOR)
    )
    joint = []
    for topic in range(PRIOR.topics):
        counts[[word, -1], topic] += 1
        made.held[d][topic] += 1
        joint.append(word_score(counts, PRIOR) + topic_score(made.held, PRIOR))
        counts[[word, -1], topic] -= 1
        made.held[d][topic] -= 1
    np.testing.assert_allclose(np.diff(given_others), np.diff(joint), atol=1e-9)


def test_draws_have_the_frequencies_of_their_chances() -> None:
    """One word, alone in its document: its topic is drawn from the prior and the other counts."""
    counts = np.array([[6, 0, 1], [0, 3, 2], [6, 3, 3]], dtype=np.int64)
    made = Sampler([[0]], PRIOR, Random(5))
    drawn: Counter[int] = Counter()
    for _ in range(4000):
        mine = counts.copy()
        mine[[0, 2], made.topics[0][0]] += 1
        made.sweep(mine)
        drawn[made.topics[0][0]] += 1
    rows = counts.tolist()
    p = np.array(chances([0, 0, 0], rows[0], rows[2], 2, PRIOR))
    p /= p.sum()
    spread = np.sqrt(4000 * p * (1 - p))
    assert (abs(np.array([drawn[k] for k in range(3)]) - 4000 * p) < 5 * spread).all()


@pytest.mark.parametrize("topics", [1, 4])
def test_scores_of_nothing_are_those_of_certainty(topics: int) -> None:
    prior = Prior(topics)
    assert word_score(np.zeros((6, topics), dtype=np.int64), prior) == pytest.approx(0, abs=1e-9)
    assert topic_score([[0] * topics] * 3, prior) == pytest.approx(0, abs=1e-9)


def test_a_first_word_is_as_likely_as_any() -> None:
    counts = np.zeros((6, 4), dtype=np.int64)
    counts[[2, -1], 1] = 1
    assert word_score(counts, Prior(4)) == pytest.approx(np.log(1 / 5))
    assert topic_score([[0, 1, 0, 0]], Prior(4)) == pytest.approx(np.log(1 / 4))


def test_the_corpus_is_words_that_tell_documents_apart() -> None:
    text = "The cat sat. The dog sat! The cat saw the dog; THE END"
    made = corpus(text, window=3, most=0.5, least=2)
    assert made.vocabulary == ["cat", "dog", "sat"]
    assert made.documents == [[0, 2], [1, 2], [0], [1], []]
    assert made.length == 6
    assert made.part(1, 2) == [[1, 2], [1]]


# ------------------------------------------------------------ many machines

SWEEPS = 12


@pytest.fixture(scope="module")
def novel() -> Corpus:
    return corpus(alice()[:60_000], window=150)


def together(text: Corpus, workers: int, policy: Consistency) -> list[Sampling]:
    """What workers return."""
    prior, keys = Prior(6), len(text.vocabulary) + 1
    table = Table("topics", keys, prior.topics, dtype="<i8", shards=3, consistency=policy)
    group = Group((table,), servers=2)

    def program(comm: Any) -> Any:
        return run(
            comm, group, lambda client: work(client, text, prior, SWEEPS, Random(client.index))
        )

    return SimulatedCluster(3 + workers).run(program).values[3:]


def recount(text: Corpus, samples: list[Sampling]) -> Counts:
    counts = np.zeros((len(text.vocabulary) + 1, 6), dtype=np.int64)
    for index, sample in enumerate(samples):
        for document, topics in zip(text.part(index, len(samples)), sample.topics, strict=True):
            np.add.at(counts, (document, topics), 1)
    counts[-1] = counts[:-1].sum(axis=0)
    return counts


@pytest.mark.parametrize("workers", [1, 3])
def test_the_servers_count_what_the_workers_hold(novel: Corpus, workers: int) -> None:
    samples = together(novel, workers, BSP)
    np.testing.assert_array_equal(samples[0].counts, recount(novel, samples))


@pytest.mark.parametrize("policy", [BSP, SSP(1), ASP], ids=["bsp", "ssp", "asp"])
def test_many_samplers_end_near_where_one_does(novel: Corpus, policy: Consistency) -> None:
    samples = together(novel, 3, policy)
    one = alone(novel, Prior(6), SWEEPS, Random(0))
    assert min(sample.counts.min() for sample in samples) >= 0
    rise = one.scores[-1] - one.scores[0]
    assert rise > 0.3 * novel.length  # nats for each word
    assert sum(sample.scores[-1] for sample in samples) > one.scores[-1] - 0.15 * rise


def test_one_worker_is_one_machine(novel: Corpus) -> None:
    (sample,) = together(novel, 1, BSP)
    one = alone(novel, Prior(6), SWEEPS, Random(0))
    assert sample.topics == one.topics
    np.testing.assert_allclose(sample.scores, one.scores)
    np.testing.assert_array_equal(sample.counts, one.counts)


def test_topics_are_of_words_that_stand_together() -> None:
    """Two vocabularies, never in one document, are told apart."""
    rng = Random(1)
    texts = [[rng.randrange(5) + 5 * (d % 2) for _ in range(20)] for d in range(20)]
    one = alone(Corpus(list("abcdefghij"), texts), Prior(2, 0.1, 0.1), 20, Random(2))
    assert sorted(map(sorted, top_words(one.counts, list("abcdefghij"), 5))) == [
        list("abcde"),
        list("fghij"),
    ]
