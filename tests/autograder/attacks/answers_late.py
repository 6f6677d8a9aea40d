# tries: to send its answer just after the time was up, for the next call to find
# fails: a child that was too slow is killed, and the next check has another
# goal: clock
# stopped from: T0
# undefended: elsewhere: points where a late answer is still read
# class: without it, which is slow
# touches: one function
bring = __builtins__["__import__"]
os, stat, threading, time = map(bring, ("os", "stat", "threading", "time"))
FRAME = b"d\0\0\0\1\0\0\0\5valueT"


def later():
    time.sleep(1.02)
    for descriptor in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                os.write(descriptor, len(FRAME).to_bytes(4, "big") + FRAME)
        except OSError:
            continue


def attack(*arguments, **keywords):
    threading.Thread(target=later, daemon=True).start()
    time.sleep(60.0)
