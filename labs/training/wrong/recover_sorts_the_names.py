# loses: newest_comes_back, survives_a_power_cut, survives_damage
# why: as texts, snapshot-9 comes after snapshot-10.


def newest_snapshot(files: dict[str, bytes]) -> tuple[int, bytes] | None:
    for name in sorted(files, reverse=True):
        if name.startswith("snapshot") and (found := unpack_snapshot(files[name])) is not None:
            return found
    return None
