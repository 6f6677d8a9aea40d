"""Byte-pair encoding: nothing is lost, the fast ways agree with the slow, merges stay in words."""

import json
from collections import Counter
from itertools import accumulate, chain, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.nn.tokenizer import (
    BYTES,
    BytePairEncoding,
    apply,
    apply_naive,
    learn,
    learn_naive,
    merged,
    words,
)


def babble(seed: int) -> str:
    """Few letters, long runs: ties, and pairs that overlap themselves or come back much later."""
    rng = np.random.default_rng(seed)
    return "".join(rng.choice(list("aaabb éc\n"), size=rng.integers(200)))


anything = st.text(max_size=60)
repetitive = st.integers(0, 10**6).map(babble)
either = st.one_of(anything, repetitive)
FOX = "the quick brown fox and the lazy dog; the fox thinks, and the dog then thanks the fox"


def sample_of(text: str) -> dict[bytes, int]:
    return {word.encode(): n for word, n in Counter(words(text)).items()}


@given(either)
def test_words_lose_nothing(text):
    assert "".join(words(text)) == text


def test_a_word_takes_the_one_space_before_it():
    assert words("in  1865,\n  `said") == ["in", " ", " 1865", ",", "\n ", " `", "said"]


@given(either, st.integers(0, 40))
def test_learning_with_corrected_counts_merges_the_same_pairs(text, merges):
    assert learn(sample_of(text), merges) == learn_naive(sample_of(text), merges)


def test_learning_agrees_on_english_too():
    sample = sample_of(FOX * 3)
    assert learn(sample, 500) == learn_naive(sample, 500)


@given(repetitive)
def test_each_merge_is_the_most_frequent_pair_and_the_smallest_of_equals(text):
    split = [list(word.encode()) for word in words(text)]
    for token, best in enumerate(learn(sample_of(text), 20), start=BYTES):
        counts = Counter(pair for word in split for pair in pairwise(word))
        most = max(counts.values())
        assert most >= 2
        assert best == min(pair for pair, n in counts.items() if n == most)
        split = [merged(word, best, token) for word in split]


@given(repetitive, either)
def test_applying_by_a_queue_gives_the_same_tokens(sample, text):
    ranks = BytePairEncoding.train(sample, 300).ranks
    for whole in (sample, text):
        word = whole.encode()  # as one word, however long
        assert apply(word, ranks) == apply_naive(word, ranks)


@given(repetitive, either)
def test_encoding_replays_the_merges_in_order(sample, text):
    tokenizer = BytePairEncoding.train(sample, 300)
    split = [list(word.encode()) for word in words(text)]
    for r, pair in enumerate(tokenizer.merges):
        split = [merged(word, pair, BYTES + r) for word in split]
    assert tokenizer.encode(text).tolist() == list(chain.from_iterable(split))


@given(repetitive, either)
def test_decoding_gives_the_text_back(sample, text):
    tokenizer = BytePairEncoding.train(sample, 300)
    tokens = tokenizer.encode(text)
    assert tokenizer.decode(tokens) == text
    assert tokens.dtype == np.int64
    assert all(0 <= token < tokenizer.size for token in tokens)


@given(repetitive, either)
def test_no_token_crosses_the_end_of_a_word(sample, text):
    tokenizer = BytePairEncoding.train(sample, 300)
    ends = {0, *accumulate(len(tokenizer.vocabulary[t]) for t in tokenizer.encode(text))}
    assert ends >= {0, *accumulate(len(word.encode()) for word in words(text))}


@given(repetitive, either)
def test_more_merges_never_make_more_tokens(sample, text):
    merges = BytePairEncoding.train(sample, 300).merges
    lengths = [len(BytePairEncoding(merges[:n]).encode(text)) for n in range(0, len(merges) + 1, 5)]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] == len(text.encode())


def test_each_merge_joins_a_pair_that_occurs_twice_in_the_sample():
    tokenizer = BytePairEncoding.train(FOX, 290)
    lengths = [
        len(BytePairEncoding(tokenizer.merges[:n]).encode(FOX))
        for n in range(len(tokenizer.merges) + 1)
    ]
    assert all(after <= before - 2 for before, after in pairwise(lengths))


def test_training_stops_when_no_pair_occurs_twice():
    assert BytePairEncoding.train("abc", 1000).size == BYTES
    assert BytePairEncoding.train("", 1000).encode("").shape == (0,)


def test_bytes_that_are_no_character_decode_to_a_mark():
    tokenizer = BytePairEncoding(())
    assert tokenizer.decode(tokenizer.encode("é")[:1]) == "\N{REPLACEMENT CHARACTER}"


@given(repetitive)
def test_what_is_written_is_read_back(sample):
    tokenizer = BytePairEncoding.train(sample, 300)
    assert BytePairEncoding.from_json(tokenizer.to_json()) == tokenizer


def test_a_tokenizer_of_other_words_is_refused():
    stored = json.loads(BytePairEncoding.train(FOX, 260).to_json())
    with pytest.raises(ValueError, match="train the tokenizer again"):
        BytePairEncoding.from_json(json.dumps({**stored, "words": r"\S+"}))
    with pytest.raises(ValueError, match="as of to_json"):
        BytePairEncoding.from_json("[]")


@pytest.mark.parametrize(
    "merges, message",
    [
        (((1, 2), (258, 1)), "merge 1 makes token 257"),
        (((1, 256),), "merge 0 makes token 256"),
        (((1, 2), (1, 2)), "twice"),
        (((1, 2, 3),), "merge 0"),
    ],
)
def test_merges_out_of_order_are_refused(merges, message):
    with pytest.raises(ValueError, match=message):
        BytePairEncoding(merges)


def test_errors_say_what_came():
    with pytest.raises(ValueError, match="100 is too small"):
        BytePairEncoding.train("text", 100)
    with pytest.raises(ValueError, match=r"from 3 to 256.*has 256"):
        BytePairEncoding(()).decode([3, 256])
