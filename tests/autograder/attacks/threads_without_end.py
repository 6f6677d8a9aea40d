# tries: to live on in threads that never end, and to print from them while others are graded
# fails: the whole process is killed after each check, threads and all
# goal: outlive
# stopped from: T0
# undefended: elsewhere: threads of the grader's own process
bring = __builtins__["__import__"]
threading, time = bring("threading"), bring("time")


def live_on():
    while True:
        print("ok")
        time.sleep(0.01)


def attack(*arguments, **keywords):
    for _ in range(4):
        threading.Thread(target=live_on, daemon=False).start()
    return True
