# tries: to answer before it is asked: a thread that sends true and 0 all the time
# fails: an answer that comes early is still only a value, and the next call's value is another
# goal: forge
# stopped from: T0
# undefended: elsewhere: the order of replies is all that it can confuse
bring = __builtins__["__import__"]
os, stat, threading, time = map(bring, ("os", "stat", "threading", "time"))
FRAMES = [b"d\0\0\0\1\0\0\0\5value" + answer for answer in (b"T", b"i\0\0\0\1\0")]


def chatter():
    pipes = [d for d in range(3, 64) if is_pipe(d)]
    for round_ in range(200):
        frame = FRAMES[round_ % 2]
        for descriptor in pipes:
            try:
                os.set_blocking(descriptor, False)
                os.write(descriptor, len(frame).to_bytes(4, "big") + frame)
            except OSError:
                continue
        time.sleep(0.001)


def is_pipe(descriptor):
    try:
        return stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    except OSError:
        return False


threading.Thread(target=chatter, daemon=True).start()


def attack(*arguments, **keywords):
    return True
