# loses: costs_little
# why: killed before it clears up, it leaves three; the next save makes a fourth of them.


def save_snapshot(files: dict[str, bytes], step: int, state: bytes) -> list[Operation]:
    ours = [name for name in files if name.startswith("snapshot")]
    newest = max(ours, key=lambda name: _solution_step(files[name]), default="")
    name = f"snapshot-{step}"
    return [
        ("write", name, 0, pack_snapshot(step, state)),
        ("fsync", name),
        ("fsync_dir",),
        *(("unlink", name) for name in ours if name != newest),
    ]
