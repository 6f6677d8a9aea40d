# loses: comes_out_as_it_went_in, newest_comes_back
# why: four bytes hold steps up to 4,294,967,295.


def pack_snapshot(step: int, state: bytes) -> bytes:
    facts = struct.pack(">QQ", step % 2**32, len(state))
    return b"snapshot" + facts + struct.pack(">I", zlib.crc32(facts + state)) + state
