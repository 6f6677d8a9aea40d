# loses: survives_a_power_cut
# why: the bytes are safe, but the folder may not know them by any name.


def save_snapshot(files: dict[str, bytes], step: int, state: bytes) -> list[Operation]:
    ours = [name for name in files if name.startswith("snapshot")]
    newest = max(ours, key=lambda name: _solution_step(files[name]), default="")
    return [
        *(("unlink", name) for name in ours if name != newest),
        ("write", f"snapshot-{step}", 0, pack_snapshot(step, state)),
        ("fsync", f"snapshot-{step}"),
    ]
