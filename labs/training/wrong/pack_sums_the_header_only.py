# loses: refuses_other_bytes, survives_a_power_cut, survives_damage
# why: the state is the part that is long, and that breaks.


def pack_snapshot(step: int, state: bytes) -> bytes:
    facts = struct.pack(">QQ", step, len(state))
    return b"snapshot" + facts + struct.pack(">I", zlib.crc32(facts)) + state


def unpack_snapshot(data: bytes) -> tuple[int, bytes] | None:
    if len(data) < 28 or not data.startswith(b"snapshot"):
        return None
    step, length, checksum = struct.unpack(">QQI", data[8:28])
    state = data[28 : 28 + length]
    return (step, state) if len(state) == length and checksum == zlib.crc32(data[8:24]) else None
