# tries: frames that lie: lengths, ranks, shapes, types and keys that no honest sender would write
# fails: each length is checked before memory is spent, and a frame that is odd ends the child
# goal: forge
# stopped from: T0
# undefended: elsewhere: a crash where a reader trusts what lengths and shapes say
# class: without it, which is slow
os, stat, zlib = map(__builtins__["__import__"], ("os", "stat", "zlib"))
VALUE = b"d\0\0\0\1\0\0\0\5value"
LIES = (
    VALUE + b"a\7\2" + (2**62).to_bytes(8, "big") * 2,  # a shape whose product overflows
    VALUE + b"a\7\2" + (2**63).to_bytes(8, "big") + bytes(8),  # no elements, and an absurd shape
    VALUE + b"a\377\377",  # no such dtype, no such rank
    VALUE + b"l\377\377\377\377",  # four billion items
    VALUE + b"i\0\20\0\0" + b"\177" * 2**20,  # a number of 2.5 million digits
    VALUE + b"l\0\0\0\1" * 60_000 + b"N",  # lists in lists
    VALUE + b"s\0\0\0\2\377\376",  # no UTF-8
    b"d\0\0\0\2" + VALUE[5:] + b"T" + VALUE[5:] + b"T",  # one key twice
    b"d\0\0\0\1\0\0\0\5score" + b"i\0\0\0\1\144",  # neither a value nor an error
    b"d\0\0\0\1\0\0\0\5errori\0\0\0\1\1",  # an error that is a number
    b"T",
    b"",
)


def attack(*arguments, **keywords):
    lie = LIES[zlib.crc32(repr(arguments).encode()) % len(LIES)]
    for descriptor in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                os.write(descriptor, len(lie).to_bytes(4, "big") + lie)
        except OSError:
            continue
    return 0
