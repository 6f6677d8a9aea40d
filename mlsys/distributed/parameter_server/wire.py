"""Messages as bytes: a header of 96 bytes, the keys, the values; many messages in one packet.

What is said often, pushes, pulls and their answers, is copied once into the packet and read in
place out of it: no pickling, and no copy on the receiver's side. Values that were made `with_room`
are in their packet already. What is said rarely, views and snapshots, is pickled. Cost: the copy,
and some microseconds a message. Sorted keys and rows of zeros can be compressed on the way, for
about 10 ns a byte.
"""

from __future__ import annotations

import pickle
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlsys.distributed.parameter_server.messages import (
    Array,
    Forward,
    Forwarded,
    Keys,
    Message,
    Pull,
    Pulled,
    Push,
    Pushed,
    Shard,
    Unknown,
)

Packet = NDArray[np.uint8]
# kind, dtype, whether the arrays are compressed; epoch; table, shard, three numbers, begin, end,
# signature, keys, values, width
HEADER = struct.Struct("<BB?xi11q")
LENGTH = struct.Struct("<q")  # of compressed arrays, in front of them
WORTH = 256  # bytes that are worth compressing
ROOMY = 2**16  # bytes that take longer to copy than to look where they lie
SIZE = HEADER.size
DTYPES = tuple(map(np.dtype, ("<f4", "<f8", "<f2", "<i4", "<i8", "<u1", "<i1", "<i2")))
CODES = {dtype: code for code, dtype in enumerate(DTYPES)}
NO_VALUES = np.empty((0, 1), np.float32)
PICKLED = 0
MALFORMED = (
    *(ValueError, TypeError, LookupError, OverflowError, struct.error, zlib.error),
    *(pickle.PickleError, EOFError, AttributeError, ImportError),
)
NO_KEYS = np.empty(0, np.int64)
Fields = tuple[int, int, int, int, int, int]  # three numbers, begin, end, signature
Parts = tuple[Fields, Keys | None, Array]
Maker = Callable[[int, Shard, Fields, Keys | None, Array], Message]


def encode(messages: Sequence[Message], level: int = 0) -> Packet:
    """All messages in one packet; ``level`` from 1 to 9: arrays compressed, by zlib.

    Raises TypeError for keys that are not int64, and values of a type that has no code here.
    """
    parts = [_parts(message) for message in messages]
    room = _room(parts[0][2]) if len(parts) == 1 and not level else None
    if room is not None and not parts[0][1].nbytes:
        room[:SIZE] = np.frombuffer(parts[0][0], np.uint8)
        return room
    if level:
        parts = [_deflated(*part, level) for part in parts]
    packet = np.empty(
        sum(SIZE + _padded(k.nbytes) + _padded(v.nbytes) for _, k, v in parts), np.uint8
    )
    at = 0
    for header, keys, values in parts:
        packet[at : at + SIZE] = np.frombuffer(header, np.uint8)
        at = _put(packet, at + SIZE, keys)
        at = _put(packet, at, values)
    return packet


def with_room(shape: tuple[int, int], dtype: str) -> Array:
    """An array for values of a message; a large one has room for the header in front of it."""
    nbytes = shape[0] * shape[1] * np.dtype(dtype).itemsize
    if nbytes < ROOMY:
        return np.empty(shape, dtype)
    packet = np.empty(SIZE + _padded(nbytes), np.uint8)
    return packet[SIZE : SIZE + nbytes].view(dtype).reshape(shape)


def _room(values: Array) -> Packet | None:
    """The whole packet, if values lie in it as `with_room` has laid them."""
    packet = values.base
    if (
        values.nbytes >= ROOMY
        and isinstance(packet, np.ndarray)
        and packet.dtype == np.uint8
        and packet.nbytes == SIZE + _padded(values.nbytes)
        and values.flags.c_contiguous
        and values.ctypes.data == packet.ctypes.data + SIZE
    ):
        return packet
    return None


def _deflated(header: bytes, keys: Array, values: Array, level: int) -> tuple[bytes, Array, Array]:
    """The same with one compressed array instead of two, if that is shorter."""
    plain = np.empty(keys.nbytes + _padded(values.nbytes), np.uint8)
    _put(plain, _put(plain, 0, keys), values)
    if plain.nbytes < WORTH:
        return header, keys, values
    packed = zlib.compress(plain.data, level)
    if LENGTH.size + len(packed) >= plain.nbytes:
        return header, keys, values
    body = np.frombuffer(LENGTH.pack(len(packed)) + packed, np.uint8)
    return header[:2] + b"\1" + header[3:], body, NO_KEYS


def decode(packet: Packet) -> list[Message]:
    """The messages of a packet; their arrays are views into it.

    Raises ValueError if it is no packet.
    """
    messages, at, view = [], 0, packet.data
    while at < len(view):
        try:
            message, at = _message(view, at)
        except MALFORMED as error:
            raise ValueError(
                f"no packet of messages, at byte {at} of {len(view)}: {error}"
            ) from None
        messages.append(message)
    return messages


def _padded(nbytes: int) -> int:
    """Arrays begin at multiples of 8 bytes."""
    return -(-nbytes // 8) * 8


def _put(packet: Packet, at: int, array: Array) -> int:
    if array.nbytes:
        there = packet[at : at + array.nbytes].view(array.dtype).reshape(array.shape)
        there[...] = array
    return at + _padded(array.nbytes)


def _parts(message: Message) -> tuple[bytes, Keys, Array]:
    """Header, keys and values of a message."""
    entry = KINDS.get(type(message))
    if entry is None:
        pickled = np.frombuffer(pickle.dumps(message), np.uint8).reshape(1, -1)
        fields = (0, 0, 0, 0, 0, zlib.crc32(pickled.data))
        return _header(PICKLED, 0, (0, 0), fields, None, pickled), NO_KEYS, pickled
    kind, fields_of = entry
    fields, keys, values = fields_of(message)
    header = _header(kind, message.epoch, message.shard, fields, keys, values)  # type: ignore[union-attr]
    return header, NO_KEYS if keys is None else keys, values


def _header(
    kind: int, epoch: int, shard: tuple[int, int], fields: Fields, keys: Keys | None, values: Array
) -> bytes:
    code = CODES.get(values.dtype)
    if code is None:
        raise TypeError(f"values: expected one of {[str(d) for d in DTYPES]}, got {values.dtype}")
    if keys is not None and keys.dtype != NO_KEYS.dtype:
        raise TypeError(f"keys: expected int64, got {keys.dtype}")
    rows, width = values.shape
    count = -1 if keys is None else len(keys)
    return HEADER.pack(kind, code, 0, epoch, *shard, *fields, count, rows, width)


def _message(view: memoryview, at: int) -> tuple[Message, int]:
    kind, code, packed, epoch, *numbers = HEADER.unpack_from(view, at)
    table, number, a, b, c, begin, end, signature, count, rows, width = numbers
    if min(count + 1, rows, width) < 0:
        raise ValueError(f"{count} keys, and values of shape ({rows}, {width})")
    inside, start = view, at + SIZE
    if packed:
        nbytes = 8 * max(count, 0) + _padded(rows * width * DTYPES[code].itemsize)
        inside, at = _inflated(view, start, nbytes)
        start = 0
    keys = None
    if count >= 0:
        keys, start = _taken(inside, start, np.dtype(np.int64), count)
    flat, start = _taken(inside, start, DTYPES[code], rows * width)
    values = flat.reshape(rows, width)
    at = at if packed else start
    if kind == PICKLED:
        return _unpickled(values, signature), at
    return MAKERS[kind](epoch, (table, number), (a, b, c, begin, end, signature), keys, values), at


def _inflated(view: memoryview, at: int, nbytes: int) -> tuple[memoryview, int]:
    """The arrays that stand here compressed, so many bytes, and where the next message begins."""
    (length,) = LENGTH.unpack_from(view, at)
    packed, at = _taken(view, at + LENGTH.size, np.dtype(np.uint8), length)
    inflate = zlib.decompressobj()
    plain = inflate.decompress(packed.data, nbytes + 1)  # never more than was announced
    if len(plain) != nbytes or not inflate.eof:
        raise ValueError(f"expected {nbytes} bytes of arrays, compressed")
    return memoryview(plain), -(-at // 8) * 8


def _unpickled(pickled: Array, checksum: int) -> Message:
    """Checked first: there is no telling what damaged bytes do when they are unpickled."""
    if zlib.crc32(pickled.data) != checksum:
        raise ValueError("a pickled message that has another checksum than its sender's")
    message = pickle.loads(pickled.data)
    if not isinstance(message, Message):
        raise TypeError(f"expected a message, got {type(message)}")
    return message


def _taken(view: memoryview, at: int, dtype: np.dtype[Any], count: int) -> tuple[Array, int]:
    nbytes = count * dtype.itemsize
    if not 0 <= nbytes <= len(view) - at:
        raise IndexError(f"{nbytes} bytes of an array, and {len(view) - at} are left")
    return np.frombuffer(view, dtype, count, at), at + _padded(nbytes)


# What travels of each kind, and the message made of it again.


def _push(m: Push) -> Parts:
    return (m.sender, m.sequence, m.clock, m.begin, m.end, m.signature), m.keys, m.values


def _pushed(m: Pushed) -> Parts:
    return (m.sequence, 0, 0, 0, 0, 0), None, NO_VALUES


def _pull(m: Pull) -> Parts:
    return (m.sender, m.request, m.after, m.begin, m.end, m.signature), m.keys, NO_VALUES


def _pulled(m: Pulled) -> Parts:
    return (m.request, m.clock, 0, 0, 0, 0), None, m.values


def _unknown(m: Unknown) -> Parts:
    return (m.request, m.sequence, 0, 0, 0, m.signature), None, NO_VALUES


def _forward(m: Forward) -> Parts:
    """``done`` travels in front of the keys; its length is told, and whether keys follow."""
    keys = [m.done.ravel(), NO_KEYS if m.keys is None else m.keys]
    return (m.index, len(m.done), m.keys is not None, 0, 0, 0), np.concatenate(keys), m.values


def _to_forward(epoch: int, shard: Shard, f: Fields, keys: Keys | None, v: Array) -> Forward:
    index, done, has_keys = f[:3]
    if keys is None or not 0 <= 5 * done <= len(keys):
        raise TypeError(f"a Forward of {done} pushes, with too few numbers for them")
    rest = keys[5 * done :] if has_keys else None
    return Forward(epoch, shard, index, keys[: 5 * done].reshape(done, 5), rest, v)


def _forwarded(m: Forwarded) -> Parts:
    return (m.index, 0, 0, 0, 0, 0), None, NO_VALUES


KINDS: dict[type, tuple[int, Callable[[Any], Parts]]] = {
    Push: (1, _push),
    Pushed: (2, _pushed),
    Pull: (3, _pull),
    Pulled: (4, _pulled),
    Unknown: (5, _unknown),
    Forward: (6, _forward),
    Forwarded: (7, _forwarded),
}
MAKERS: dict[int, Maker] = {
    1: lambda e, s, f, k, v: Push(e, s, *f, k, v),
    2: lambda e, s, f, k, v: Pushed(e, s, f[0]),
    3: lambda e, s, f, k, v: Pull(e, s, *f, k),
    4: lambda e, s, f, k, v: Pulled(e, s, f[0], f[1], v),
    5: lambda e, s, f, k, v: Unknown(e, s, f[5], f[0], f[1]),
    6: _to_forward,
    7: lambda e, s, f, k, v: Forwarded(e, s, f[0]),
}
