"""Frames: the only thing that crosses between the grader and a student's program.

A frame is a four-byte length and one value. A value is one tag byte and its body:

    N T F    None, True, False
    i        int: length, then big-endian two's complement
    f        float: eight bytes
    s b      str (UTF-8), bytes: length, then the bytes
    l        list: count, then the items (a tuple is sent as a list)
    d        dict: count, then key, value, key, value ...; keys are str
    a        NumPy array: dtype, rank, shape, then the elements in C order

Nothing in a frame is code and nothing names a type of its own, so the worst a hostile peer can
send is a wrong value. Every length is checked before memory is spent on it, and whatever is
malformed raises `WireError`. NumPy is imported only when an array is sent.
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Callable

TYPE_CHECKING = False  # true for who checks types; typing itself takes 4 ms to import
if TYPE_CHECKING:
    from typing import IO, Any

    import numpy as np

MAX_BYTES = 64 * 2**20  # one frame
MAX_DEPTH = 64  # lists inside lists
MAX_ITEMS = 100_000  # values in one frame; an array counts as one
MAX_INT_BYTES = 128  # 308 digits: to print a number takes the square of its length
MAX_RANK = 32
DTYPES: tuple[str, ...] = ("|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8")
DTYPES += ("<f2", "<f4", "<f8", "<c8", "<c16")


class WireError(Exception):
    """A value that may not be sent, or bytes that are no frame."""


class Closed(WireError):
    """The other side went away before the frame was complete."""


def frame(value: object) -> bytes:
    """All bytes of a frame that carries ``value``."""
    payload = encode(value)
    return struct.pack(">I", len(payload)) + payload


def write_frame(stream: IO[bytes], value: object) -> None:
    """Send one value."""
    stream.write(frame(value))
    stream.flush()


def read_frame(stream: IO[bytes], max_bytes: int = MAX_BYTES) -> Any:
    """Receive one value; raises `Closed` at the end of the stream."""
    (length,) = struct.unpack(">I", _read_exactly(stream, 4))
    if length > max_bytes:
        raise WireError(f"a frame of {length:,} bytes; at most {max_bytes:,} are accepted")
    return decode(_read_exactly(stream, length))


def _read_exactly(stream: IO[bytes], count: int) -> bytes:
    pieces = []
    while count:
        piece = stream.read(min(count, 2**20))  # a false length costs no memory
        if not piece:
            raise Closed("the stream ended in the middle of a frame")
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def encode(value: object) -> bytes:
    """The body of a frame.

    >>> encode([None, 7])
    b'l\\x00\\x00\\x00\\x02Ni\\x00\\x00\\x00\\x01\\x07'
    """
    writer = _Writer()
    writer.put(value, 0)
    return b"".join(writer.pieces)


def decode(payload: bytes) -> Any:
    """The value whose `encode` is ``payload``; an array arrives as a fresh, writable one."""
    reader = _Reader(payload)
    value = reader.take(0)
    if reader.left():
        raise WireError(f"{reader.left()} bytes are left over after the value")
    return value


class _Budget:
    """Counts values and depth, alike on both sides."""

    items = 0

    def spend(self, depth: int) -> None:
        self.items += 1
        if depth > MAX_DEPTH:
            raise WireError(f"nested more than {MAX_DEPTH} deep")
        if self.items > MAX_ITEMS:
            raise WireError(f"more than {MAX_ITEMS:,} values; send a NumPy array instead")


class _Writer(_Budget):
    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.room = MAX_BYTES

    def add(self, piece: bytes) -> None:
        self.reserve(len(piece))
        self.pieces.append(piece)

    def reserve(self, count: int) -> None:
        """Refuse what is too large, best before it is copied."""
        self.room -= count
        if self.room < 0:
            raise WireError(f"more than {MAX_BYTES:,} bytes in one value")

    def put(self, value: object, depth: int) -> None:
        self.spend(depth)
        match value:
            case None | True | False:
                self.add({None: b"N", True: b"T", False: b"F"}[value])
            case int():
                self.integer(value)
            case float():
                self.add(b"f" + struct.pack(">d", value))
            case str():
                self.sized(b"s", _utf8(value))
            case bytes():
                self.sized(b"b", bytes(value))
            case list() | tuple():
                self.counted(b"l", len(value))
                for item in value:
                    self.put(item, depth + 1)
            case dict():
                self.mapping(value, depth)
            case _:
                self.numpy(value, depth)

    def sized(self, tag: bytes, body: bytes) -> None:
        self.counted(tag, len(body))
        self.add(body)

    def counted(self, tag: bytes, count: int) -> None:
        self.add(tag + struct.pack(">I", count))

    def integer(self, value: int) -> None:
        size = int.bit_length(value) // 8 + 1
        if size > MAX_INT_BYTES:
            raise WireError(f"an int of {size:,} bytes; at most {MAX_INT_BYTES:,} are sent")
        self.sized(b"i", int.to_bytes(value, size, "big", signed=True))

    def mapping(self, value: dict[Any, object], depth: int) -> None:
        self.counted(b"d", len(value))
        for key, item in value.items():
            if not isinstance(key, str):
                raise WireError(f"a dict key of type {type(key).__name__}; keys must be str")
            self.sized(b"", _utf8(key))
            self.put(item, depth + 1)

    def numpy(self, value: object, depth: int) -> None:
        """An array, a NumPy number (sent as a plain one), or an error that names the type."""
        np = sys.modules.get("numpy")
        if np is not None and isinstance(value, np.ndarray):
            self.array(value)
        elif np is not None and isinstance(value, np.bool_ | np.integer | np.floating):
            self.put(value.item(), depth + 1)
        else:
            raise WireError(f"a value of type {type(value).__name__} is not plain data")

    def array(self, value: np.ndarray) -> None:
        dtype = value.dtype.newbyteorder("<")
        if dtype.str not in DTYPES:
            raise WireError(f"an array of dtype {value.dtype} is not plain data")
        head = struct.pack(f">BB{value.ndim}Q", DTYPES.index(dtype.str), value.ndim, *value.shape)
        self.add(b"a" + head)
        self.reserve(value.nbytes)
        self.pieces.append(value.astype(dtype, copy=False).tobytes())  # in C order


def _utf8(text: str) -> bytes:
    try:
        return str.encode(text, "utf-8")
    except UnicodeEncodeError:
        raise WireError("a str that is not valid Unicode (a lone surrogate)") from None


class _Reader(_Budget):
    def __init__(self, payload: bytes) -> None:
        self.payload, self.position = memoryview(payload), 0

    def left(self) -> int:
        return len(self.payload) - self.position

    def bytes(self, count: int) -> memoryview:
        if count > self.left():
            raise WireError(f"{count:,} bytes announced, {self.left():,} there")
        self.position += count
        return self.payload[self.position - count : self.position]

    def numbers(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack(layout, self.bytes(struct.calcsize(layout)))

    def size(self) -> int:
        return int(self.numbers(">I")[0])

    def take(self, depth: int) -> Any:
        self.spend(depth)
        tag = chr(self.bytes(1)[0])
        if tag not in _READERS:
            raise WireError(f"unknown tag {tag!r}")
        return _READERS[tag](self, depth)

    def integer(self, depth: int) -> int:
        size = self.size()
        if size > MAX_INT_BYTES:
            raise WireError(f"an int of {size:,} bytes; at most {MAX_INT_BYTES:,} are accepted")
        return int.from_bytes(self.bytes(size), "big", signed=True)

    def text(self, depth: int) -> str:
        try:
            return str(self.bytes(self.size()), "utf-8")
        except UnicodeDecodeError:
            raise WireError("a str that is not UTF-8") from None

    def sequence(self, depth: int) -> list[Any]:
        return [self.take(depth + 1) for _ in range(self.size())]

    def mapping(self, depth: int) -> dict[str, Any]:
        count = self.size()
        pairs = {self.text(depth): self.take(depth + 1) for _ in range(count)}
        if len(pairs) != count:
            raise WireError("the same dict key twice")
        return pairs

    def array(self, depth: int) -> np.ndarray:
        code, rank = self.numbers(">BB")
        if code >= len(DTYPES) or rank > MAX_RANK:
            raise WireError(f"an array of dtype number {code} and rank {rank}")
        shape = self.numbers(f">{rank}Q")
        raw = self.bytes(math.prod(shape) * int(DTYPES[code][2:]))
        return _array_from(raw, DTYPES[code], shape)


def _array_from(raw: memoryview, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    import numpy as np

    if dtype == "|b1" and raw.nbytes and np.frombuffer(raw, "u1").max() > 1:
        raise WireError("a bool array with bytes other than 0 and 1")
    try:
        return np.frombuffer(raw, dtype).reshape(shape).copy()
    except (ValueError, OverflowError) as error:
        raise WireError(f"an array of shape {shape}: {error}") from None


_READERS: dict[str, Callable[[_Reader, int], Any]] = {
    "N": lambda reader, depth: None,
    "T": lambda reader, depth: True,
    "F": lambda reader, depth: False,
    "i": _Reader.integer,
    "f": lambda reader, depth: reader.numbers(">d")[0],
    "s": _Reader.text,
    "b": lambda reader, depth: bytes(reader.bytes(reader.size())),
    "l": _Reader.sequence,
    "d": _Reader.mapping,
    "a": _Reader.array,
}
