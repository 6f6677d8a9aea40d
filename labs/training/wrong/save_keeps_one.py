# loses: survives_damage
# why: safe, until one bit of that one file flips.


def save_snapshot(files: dict[str, bytes], step: int, state: bytes) -> list[Operation]:
    ours = [name for name in files if name.startswith("snapshot")]
    return [
        ("write", f"snapshot-{step}", 0, pack_snapshot(step, state)),
        ("fsync", f"snapshot-{step}"),
        ("fsync_dir",),
        *(("unlink", name) for name in ours),
    ]
