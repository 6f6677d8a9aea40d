# loses: survives_a_kill, survives_a_power_cut, goes_on_when_killed, survives_damage
# why: while the file is being written, there is no snapshot at all.


def save_snapshot(files: dict[str, bytes], step: int, state: bytes) -> list[Operation]:
    return [
        ("write", "snapshot", 0, pack_snapshot(step, state)),
        ("fsync", "snapshot"),
        ("fsync_dir",),
    ]
