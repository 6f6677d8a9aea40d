# keeps: all
# how: the classical way, under another name and renamed; the oldest goes when the new one is safe.


def adamw(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    t: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> None:
    m += (1 - betas[0]) * (g - m)
    v += (1 - betas[1]) * (g * g - v)
    root = (1 - betas[1] ** t) ** 0.5
    move = m / (np.sqrt(v) + eps * root) * (lr * root / (1 - betas[0] ** t))
    p -= lr * weight_decay * p + move


def save_snapshot(files: dict[str, bytes], step: int, state: bytes) -> list[Operation]:
    whole = {}
    log: list[Operation] = []
    for name, data in files.items():
        if name.startswith("snapshot"):
            content = unpack_snapshot(data)
            if content is None or name == "snapshot.part":  # of a save that was killed
                log.append(("unlink", name))
            else:
                whole[name] = content[0]
    old = sorted(whole, key=lambda name: whole[name], reverse=True)
    return [
        *log,
        *(("unlink", name) for name in old[2:]),
        ("write", "snapshot.part", 0, pack_snapshot(step, state)),
        ("fsync", "snapshot.part"),
        ("rename", "snapshot.part", f"snapshot-{step:020}"),
        ("fsync_dir",),
        *(("unlink", name) for name in old[1:2]),
    ]


def newest_snapshot(files: dict[str, bytes]) -> tuple[int, bytes] | None:
    named = [unpack_snapshot(data) for name, data in files.items() if name.startswith("snapshot-")]
    return max((content for content in named if content is not None), default=None)
