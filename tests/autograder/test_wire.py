"""Frames carry plain data there and back, and nothing else."""

import contextlib
import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from autograder import wire

DTYPES = st.sampled_from(wire.DTYPES)
ARRAYS = DTYPES.flatmap(
    lambda dtype: stnp.arrays(dtype, stnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | ARRAYS
PLAIN = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


def same(a: object, b: object) -> bool:
    """Equal in type and bits, NaN included."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    return struct.pack(">d", a) == struct.pack(">d", b) if isinstance(a, float) else a == b


@given(PLAIN)
@settings(max_examples=25)
def test_plain_data_arrives_as_it_was_sent(value):
    stream = io.BytesIO()
    wire.write_frame(stream, value)
    stream.seek(0)
    assert same(wire.read_frame(stream), value)


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_random_bytes_are_a_value_or_a_wire_error(noise):
    with contextlib.suppress(wire.WireError):
        wire.decode(noise)


@given(PLAIN, st.data())
@settings(max_examples=100)
def test_a_damaged_frame_is_a_value_or_a_wire_error(value, data):
    payload = bytearray(wire.encode(value))
    place = data.draw(st.integers(0, len(payload) - 1))
    payload[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(payload)))
    for damaged in (bytes(payload), bytes(payload[:cut])):
        with contextlib.suppress(wire.WireError):
            wire.decode(damaged)


@pytest.mark.parametrize(
    "value, complaint",
    [
        (object(), "type object"),
        ({1, 2}, "type set"),
        (1j, "type complex"),
        ({1: 2}, "dict key of type int"),
        ("\ud800", "surrogate"),
        (1 << 40_000, "an int of"),
        (np.array([object()]), "dtype object"),
        (np.array(["a"]), "dtype <U1"),
        (np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), "dtype"),
        (np.array(["2024-01-01"], dtype="datetime64[D]"), "dtype datetime64"),
        ([0] * (wire.MAX_ITEMS + 1), "NumPy array instead"),
        (np.broadcast_to(np.zeros(1), (10**6, 10**6)), "bytes in one value"),
        (["x" * 2**20] * 65, "bytes in one value"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "value",
)
def test_what_is_not_plain_is_refused_by_name(value, complaint):
    with pytest.raises(wire.WireError, match=complaint):
        wire.encode(value)


def test_a_value_inside_itself_is_refused():
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(wire.WireError, match="deep"):
        wire.encode(loop)


@pytest.mark.parametrize("depth, allowed", [(wire.MAX_DEPTH, True), (wire.MAX_DEPTH + 1, False)])
def test_depth_is_capped_alike_on_both_sides(depth, allowed):
    value: object = None
    payload = b"N"
    for _ in range(depth):
        value, payload = [value], b"l\0\0\0\1" + payload
    for act in (lambda: wire.encode(value), lambda: wire.decode(payload)):
        if allowed:
            act()
        else:
            with pytest.raises(wire.WireError, match="deep"):
                act()


@pytest.mark.parametrize(
    "payload",
    [
        b"l\xff\xff\xff\xff" + b"N" * 10,  # a count with nothing behind it
        b"s\xff\xff\xff\xff",
        b"i" + struct.pack(">I", wire.MAX_INT_BYTES + 1) + b"\0" * (wire.MAX_INT_BYTES + 1),
        b"l" + struct.pack(">I", wire.MAX_ITEMS) + b"N" * wire.MAX_ITEMS,
        b"d\0\0\0\2" + b"\0\0\0\1aN" * 2,  # the same key twice
        b"NN",  # two values
        b"a\xff\0",  # no such dtype
        b"a\0\x21" + struct.pack(">33Q", *[1] * 33) + b"\1",  # too many axes
        b"a\0\1" + struct.pack(">Q", 1) + b"\2",  # a bool that is neither
        b"a\0\3" + struct.pack(">3Q", 2**63, 2**63, 0),  # an empty array of impossible shape
        b"a\0\1" + struct.pack(">Q", 2**62),  # an array longer than its frame
    ],
)
def test_hostile_payloads_raise_one_error(payload):
    with pytest.raises(wire.WireError):
        wire.decode(payload)


def test_a_false_length_is_refused_before_it_is_read():
    with pytest.raises(wire.WireError, match="at most"):
        wire.read_frame(io.BytesIO(b"\xff\xff\xff\xff"))


def test_a_stream_that_ends_early_is_closed():
    with pytest.raises(wire.Closed):
        wire.read_frame(io.BytesIO(b"\0\0\0\5ab"))


def test_subclasses_and_numpy_numbers_arrive_as_plain_values():
    class Liar(int):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = int.__hash__

    sent = [Liar(3), np.float64(0.5), np.float32(0.5), np.int64(7), np.bool_(True), (1, 2)]
    got = wire.decode(wire.encode(sent))
    assert same(got, [3, 0.5, 0.5, 7, True, [1, 2]])


def test_strided_and_big_endian_arrays_arrive_in_c_order():
    array = np.arange(12, dtype=">i4").reshape(3, 4).T[::2]
    got = wire.decode(wire.encode(array))
    assert got.flags.c_contiguous and got.flags.writeable
    np.testing.assert_array_equal(got, array)
