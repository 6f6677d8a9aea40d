# loses: costs_little
# why: safe, until the disk is full.


def save_snapshot(files: dict[str, bytes], step: int, state: bytes) -> list[Operation]:
    name = f"snapshot-{step}"
    return [("write", name, 0, pack_snapshot(step, state)), ("fsync", name), ("fsync_dir",)]
