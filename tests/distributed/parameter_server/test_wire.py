"""What comes out of a packet is what went in, and rubbish is refused."""

import pickle
import tracemalloc
from dataclasses import fields
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.parameter_server.messages import (
    Forward,
    Forwarded,
    Join,
    Leave,
    Message,
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
from mlsys.distributed.parameter_server.wire import (
    CODES,
    DTYPES,
    HEADER,
    ROOMY,
    SIZE,
    decode,
    encode,
    with_room,
)

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


@given(st.integers(0, 40_000), st.integers(1, 3), st.sampled_from(["<f4", "<f8", "<i2"]))
def test_values_with_room_are_in_their_packet_already(rows, width, dtype):
    values = with_room((rows, width), dtype)
    values[:] = np.arange(rows * width).reshape(rows, width)
    message = Pulled(3, (1, 2), 7, 5, values)
    packet, copied = encode([message]), encode([Pulled(3, (1, 2), 7, 5, values.copy())])
    assert np.shares_memory(packet, values) == (values.nbytes >= ROOMY)
    assert np.array_equal(packet[: SIZE + values.nbytes], copied[: SIZE + values.nbytes])
    assert len(packet) == len(copied)
    for others in ([message, Pushed(3, (1, 2), 1)], [Push(3, (1, 2), *[0] * 6, KEY, values)]):
        assert not np.shares_memory(encode(others), values)
    assert not np.shares_memory(encode([message], level=1), values)


KEY = np.array([1])


@pytest.mark.parametrize("begin", [0, 8, 88])
def test_values_that_lie_elsewhere_in_a_buffer_are_copied(begin):
    """Though they are as long as if they had room: a header would destroy what is in front."""
    nbytes = 2 * ROOMY
    buffer = np.zeros(SIZE + nbytes, np.uint8)
    values = buffer[begin : begin + nbytes].view(np.float32).reshape(-1, 1)
    encode([Pulled(0, (0, 0), 1, 1, values)])
    assert not buffer.any()


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


numbers = st.one_of(st.sampled_from([-(2**63), -1, 0, 1, 2**40, 2**63 - 1]), st.integers(-9, 9))
damage = st.dictionaries(st.integers(1, SIZE // 8 - 1), numbers, min_size=1, max_size=3)


@given(messages.filter(bool), st.sampled_from([0, 1]), damage, st.integers(0), st.integers(1, 255))
def test_a_damaged_packet_is_refused_or_says_something_else(said, level, header, at, bits):
    packet = encode(said, level)
    for place, number in header.items():
        packet[8 * place : 8 * place + 8].view(np.int64)[0] = number
    packet[at % len(packet)] ^= bits
    try:
        heard = decode(packet)
    except ValueError as error:
        assert "no packet of messages" in str(error)
    else:
        assert all(isinstance(each, Message) for each in heard)


def test_what_is_pickled_is_a_message():
    packet = encode([Stop("why")])
    packet[-1] ^= 1
    with pytest.raises(ValueError, match="checksum"):
        decode(packet)
    body = pickle.dumps("no message")
    header = HEADER.pack(
        0, CODES[np.dtype(np.uint8)], 0, 0, *[0] * 7, crc32(body), -1, 1, len(body)
    )
    with pytest.raises(ValueError, match="expected a message, got <class 'str'>"):
        decode(np.frombuffer(header + body, np.uint8))


def test_no_more_is_inflated_than_was_announced():
    packet = encode([Pulled(0, (0, 0), 1, 2, np.zeros((10**6, 1)))], 9)
    packet[SIZE - 16 : SIZE - 8].view(np.int64)[0] = 10  # rows
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="expected 80 bytes"):
            decode(packet)
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


def test_arrays_without_the_end_of_their_compression_are_refused():
    packet = encode([Pulled(0, (0, 0), 1, 2, np.zeros((1000, 1)))], 9)
    packet[SIZE : SIZE + 8].view(np.int64)[0] -= 4  # its checksum
    with pytest.raises(ValueError, match="expected 8000 bytes"):
        decode(packet)


@pytest.mark.parametrize(("place", "number"), [(3, -2), (2, -1), (1, -1)])
def test_no_array_has_fewer_than_no_numbers(place, number):
    packet = encode([Pull(0, (0, 0), 1, 1, 0, 0, 5, 0, None)])
    packet[SIZE - 8 * place :][:8].view(np.int64)[0] = number
    with pytest.raises(ValueError, match=r"keys, and values of shape"):
        decode(packet)


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


@pytest.mark.parametrize("dtype", [np.int32, np.uint64])
def test_keys_are_int64(dtype):
    with pytest.raises(TypeError, match="keys: expected int64"):
        encode([Pull(0, (0, 0), 1, 1, 0, 0, 5, 0, np.arange(3, dtype=dtype))])
