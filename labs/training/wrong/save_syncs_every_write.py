# loses: costs_little
# why: each sync waits for the disk; one for all writes would do.


def save_snapshot(files: dict[str, bytes], step: int, state: bytes) -> list[Operation]:
    ours = [name for name in files if name.startswith("snapshot")]
    newest = max(ours, key=lambda name: _solution_step(files[name]), default="")
    name, data = f"snapshot-{step}", pack_snapshot(step, state)
    log: list[Operation] = [("unlink", other) for other in ours if other != newest]
    for start in range(0, len(data), 64):
        log += [("write", name, start, data[start : start + 64]), ("fsync", name)]
    return [*log, ("fsync_dir",)]
