"""What comes out of a packet is what went in, and rubbish is refused."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.parameter_server.messages import (
    Forward,
    Forwarded,
    Join,
    Leave,
    Pull,
    Pulled,
    Push,
    Pushed,
    Refused,
    Snapshot,
    Stop,
    Synced,
    Tick,
    Unknown,
    View,
)
from mlsys.distributed.parameter_server.wire import DTYPES, SIZE, decode, encode

whole = st.integers(-(2**62), 2**62)
epochs = st.integers(0, 2**31 - 1)
shards = st.tuples(st.integers(0, 100), st.integers(0, 10_000))
keys = st.one_of(
    st.none(), st.lists(whole, max_size=5).map(lambda every: np.array(every, np.int64))
)


@st.composite
def values(draw):
    shape = draw(st.integers(0, 5)), draw(st.integers(1, 3))
    return np.arange(shape[0] * shape[1]).reshape(shape).astype(draw(st.sampled_from(DTYPES)))


done = st.integers(0, 4).map(lambda m: np.arange(5 * m, dtype=np.int64).reshape(m, 5))
state = st.builds(lambda v: {"rows": {"": v}}, values())
messages = st.lists(
    st.one_of(
        st.builds(Push, epochs, shards, *[whole] * 6, keys, values()),
        st.builds(Pushed, epochs, shards, whole),
        st.builds(Pull, epochs, shards, *[whole] * 6, keys),
        st.builds(Pulled, epochs, shards, whole, whole, values()),
        st.builds(Unknown, epochs, shards, whole, whole, whole),
        st.builds(Refused, epochs, shards, whole, whole, st.text()),
        st.builds(Forward, epochs, shards, whole, done, keys, values()),
        st.builds(Forwarded, epochs, shards, whole),
        st.builds(Snapshot, epochs, shards, whole, state),
        st.builds(View, epochs, st.just({(0, 0): (1, 2)}), st.just({}), st.just({"": (3,)})),
        st.builds(Synced, epochs, shards),
        st.builds(Join, whole),
        st.builds(Leave, whole),
        st.builds(Tick, st.floats(0, 1e9)),
        st.builds(Stop, st.text()),
    ),
    max_size=6,
)


def same(one, other):
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


@given(messages, st.sampled_from([0, 1, 9]))
def test_what_goes_in_comes_out(said, level):
    heard = decode(encode(said, level))
    assert [type(each) for each in heard] == [type(each) for each in said]
    for one, other in zip(said, heard, strict=True):
        for field in fields(one):
            assert same(getattr(one, field.name), getattr(other, field.name)), field.name


def test_arrays_are_read_where_they_are():
    packet = encode([Pulled(0, (0, 0), 1, 2, np.zeros((3, 1), np.float32))])
    (message,) = decode(packet)
    packet[SIZE:] = 255
    assert np.isnan(message.values).all()


@given(messages.filter(bool), st.data())
def test_a_packet_cut_short_is_refused(said, data):
    packet = encode(said)
    last = len(packet) - len(encode(said[-1:]))
    cut = data.draw(st.integers(last + 1, max(last + 1, len(packet) - 8)))
    with pytest.raises(ValueError, match="no packet of messages"):
        decode(packet[:cut])


@given(st.binary(min_size=1, max_size=300))
def test_rubbish_is_refused_and_nothing_else_happens(rubbish):
    if rubbish[0] == 0:
        return  # says that it is pickled, and nodes trust each other
    try:
        decode(np.frombuffer(rubbish, np.uint8))
    except ValueError as error:
        assert "no packet" in str(error)


@given(st.integers(1, 4))
def test_sorted_keys_take_a_part_of_their_bytes(shards):
    keys = np.arange(0, 100_000, 7)
    push = Push(0, (0, 0), 1, 1, 0, 0, 100_000, 0, keys, np.zeros((len(keys), 1), np.float32))
    said = [push] * shards
    short, plain = encode(said, 1), encode(said)
    assert len(short) < len(plain) / 4
    for message in decode(short):
        assert same(message.keys, keys) and same(message.values, push.values)


def test_what_does_not_get_shorter_goes_as_it_is():
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1)).astype(np.uint8)
    said = [Pulled(0, (0, 0), 1, 2, noise)]
    assert encode(said, 9).tobytes() == encode(said).tobytes()


def test_numbers_without_a_code_do_not_travel():
    with pytest.raises(TypeError, match="complex64"):
        encode([Pulled(0, (0, 0), 1, 2, np.zeros((1, 1), np.complex64))])
