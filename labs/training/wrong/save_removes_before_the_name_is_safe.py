# loses: survives_a_power_cut, survives_damage
# why: of two changes of a folder, the later may reach the disk alone.


def save_snapshot(files: dict[str, bytes], step: int, state: bytes) -> list[Operation]:
    ours = [name for name in files if name.startswith("snapshot")]
    return [
        ("write", f"snapshot-{step}", 0, pack_snapshot(step, state)),
        ("fsync", f"snapshot-{step}"),
        *(("unlink", name) for name in ours),
        ("fsync_dir",),
    ]
