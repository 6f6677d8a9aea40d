# loses: newest_comes_back, survives_a_kill
# why: a copy that somebody has put aside, under a name of his own, is not where the run stands.


def newest_snapshot(files: dict[str, bytes]) -> tuple[int, bytes] | None:
    found = [unpack_snapshot(data) for data in files.values()]
    return max((content for content in found if content is not None), default=None)
