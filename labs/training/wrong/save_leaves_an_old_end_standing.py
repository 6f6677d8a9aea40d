# loses: goes_on_when_killed
# why: snapshot.part of a killed save was longer; its end is now the end of this one.


def unpack_snapshot(data: bytes) -> tuple[int, bytes] | None:
    state = data[28:]
    if len(data) < 28 or data[:8] != b"snapshot":
        return None
    step, length, checksum = struct.unpack(">QQI", data[8:28])
    whole = len(state) == length and checksum == zlib.crc32(data[8:24] + state)
    return (step, state) if whole else None


def save_snapshot(files: dict[str, bytes], step: int, state: bytes) -> list[Operation]:
    ours = [name for name in files if name.startswith("snapshot")]
    newest = max(ours, key=lambda name: _solution_step(files[name]), default="")
    old = [name for name in ours if name not in (newest, "snapshot.part")]
    return [
        *(("unlink", name) for name in old),
        ("write", "snapshot.part", 0, pack_snapshot(step, state)),
        ("fsync", "snapshot.part"),
        ("rename", "snapshot.part", f"snapshot-{step}"),
        ("fsync_dir",),
    ]
