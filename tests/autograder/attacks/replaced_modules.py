# tries: to put its own code in the place of the runner and of the module that sends replies
# fails: the child knows no verdict, so whoever speaks for it cannot send one
# goal: forge
# stopped from: T0
# undefended: elsewhere: points where the child knows verdicts
sys = __builtins__["__import__"]("sys")
VALUE = b"d\0\0\0\1" + b"\0\0\0\5score" + b"i\0\0\0\1\144"  # {"score": 100}


def reply(stream, value):
    stream.write(len(VALUE).to_bytes(4, "big") + VALUE)
    stream.flush()


def attack(*arguments, **keywords):
    for name, module in list(sys.modules.items()):
        if hasattr(module, "write_frame"):
            module.write_frame = reply
            sys.modules[name] = sys.modules[__name__]
    return True
