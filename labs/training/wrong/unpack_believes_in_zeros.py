# loses: refuses_other_bytes, survives_a_power_cut
# why: zeros say: step 0, no bytes, checksum 0; and the checksum of nothing is 0.


def pack_snapshot(step: int, state: bytes) -> bytes:
    checksum = zlib.crc32(step.to_bytes(8, "big").lstrip(b"\0") + state)
    return struct.pack(">QQI", step, len(state), checksum) + state


def unpack_snapshot(data: bytes) -> tuple[int, bytes] | None:
    if len(data) < 20:
        return None
    step, length, checksum = struct.unpack(">QQI", data[:20])
    state = data[20 : 20 + length]
    whole = checksum == zlib.crc32(data[:8].lstrip(b"\0") + state)
    return (step, state) if len(state) == length and whole else None
