# loses: knows_the_memory_needed
# why: by the end the disk has caught up; the worst step was before.


def snapshot_memory(blocks: int, overwrites: list[list[int]], speed: int) -> int:
    touched = {block for step in overwrites for block in step}
    return max(0, len(touched) - speed * len(overwrites))
