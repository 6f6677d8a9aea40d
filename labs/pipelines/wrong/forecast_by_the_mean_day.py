# loses: after_burst
# why: the mean of four days believes a burst a quarter.


def forecast(past: Array, day: int, ahead: int) -> Array:
    window, days = 6, min(4, (past.size - 6) // day)
    now = past.size - day * np.arange(1, days + 1)[:, None]
    level = np.median(past[-window:] / past[now + np.arange(-window, 0)], axis=1)
    return np.mean(level[:, None] * past[now + np.arange(ahead)], axis=0)
