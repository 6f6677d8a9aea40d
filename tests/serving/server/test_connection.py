"""Whatever is written in one turn of the loop goes out together, in order, and nothing is lost."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from mlsys.serving.server.connection import Joined


class Below:
    """A transport that remembers what it is told."""

    def __init__(self):
        self.said, self.closed = [], False

    def write(self, data):
        assert not self.closed
        self.said.append(bytes(data))

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed


turns = st.lists(st.lists(st.binary(min_size=1, max_size=4), max_size=4), max_size=6)


@given(turns, st.booleans())
def test_one_write_for_each_turn_in_which_there_was_one(turns, closes):
    below = Below()

    async def main():
        joined = Joined(below, asyncio.get_running_loop())
        for parts in turns:
            for part in parts:
                joined.write(part)
            if parts is not turns[-1] or not closes:
                await asyncio.sleep(0)
        if closes:  # in the turn of the last writes
            joined.close()
        assert joined.is_closing() == closes

    asyncio.run(main())
    assert below.said == [b"".join(parts) for parts in turns if parts]
