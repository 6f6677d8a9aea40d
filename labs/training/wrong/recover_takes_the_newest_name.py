# loses: survives_a_kill, survives_a_power_cut, goes_on_when_killed, survives_damage
# why: the newest name may stand on half a file; the one before it is whole.


def newest_snapshot(files: dict[str, bytes]) -> tuple[int, bytes] | None:
    steps = {name[9:]: data for name, data in files.items() if name.startswith("snapshot-")}
    newest = max((text for text in steps if text.isdigit()), key=int, default=None)
    return None if newest is None else unpack_snapshot(steps[newest])
