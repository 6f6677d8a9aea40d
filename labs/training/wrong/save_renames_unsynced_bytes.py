# loses: survives_a_power_cut
# why: the new name may be on the disk before the bytes are.


def save_snapshot(files: dict[str, bytes], step: int, state: bytes) -> list[Operation]:
    ours = [name for name in files if name.startswith("snapshot")]
    newest = max(ours, key=lambda name: _solution_step(files[name]), default="")
    return [
        *(("unlink", name) for name in ours if name != newest),
        ("write", f"snapshot-{step}.part", 0, pack_snapshot(step, state)),
        ("rename", f"snapshot-{step}.part", f"snapshot-{step}"),
        ("fsync_dir",),
    ]
