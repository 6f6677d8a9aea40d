# loses: refuses_beginnings, survives_a_kill, survives_a_power_cut, goes_on_when_killed
# why: the mark is there, and struct.unpack raises on what should come after it.


def unpack_snapshot(data: bytes) -> tuple[int, bytes] | None:
    if data[:8] != b"snapshot":
        return None
    step, length, checksum = struct.unpack(">QQI", data[8:28])
    state = data[28 : 28 + length]
    whole = len(state) == length and checksum == zlib.crc32(data[8:24] + state)
    return (step, state) if whole else None
