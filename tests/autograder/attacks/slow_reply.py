# tries: to keep the grader waiting for ever: one byte of its answer every tenth of a second
# fails: the clock is for the whole answer, not for each byte of it
# goal: exhaust
# stopped from: T0
# undefended: hang
# class: without it, which is slow
# touches: one function
os, stat, time = map(__builtins__["__import__"], ("os", "stat", "time"))


def attack(*arguments, **keywords):
    reply = (2**20).to_bytes(4, "big") + b"d\0\0\0\1\0\0\0\5valueb\0\0\xff\xff"
    for position in range(2**20):
        for descriptor in range(3, 64):
            try:
                if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                    os.write(descriptor, reply[position : position + 1] or b"x")
            except OSError:
                continue
        time.sleep(0.1)
