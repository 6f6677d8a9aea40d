"""Messages are values, and a box gives them out once, in order."""

from dataclasses import FrozenInstanceError, fields
from typing import get_args

import pytest

from mlsys.distributed.parameter_server.messages import Leave, Message, Outbox, Pushed, Stop


def test_a_box_gives_its_messages_out_once_and_in_order():
    box = Outbox()
    said = [(3, Leave(1)), (1, Stop()), (3, Pushed(0, (0, 0), 7))]
    for dest, message in said:
        box.send(dest, message)
    assert box.take() == said
    assert box.take() == []


@pytest.mark.parametrize("kind", get_args(Message))
def test_no_message_changes_once_it_is_made(kind):
    message = object.__new__(kind)
    with pytest.raises((FrozenInstanceError, AttributeError)):
        setattr(message, fields(kind)[0].name, 1)


def test_what_concerns_a_shard_says_in_which_epoch():
    about = [kind for kind in get_args(Message) if "shard" in {f.name for f in fields(kind)}]
    assert len(about) > 8
    assert all(fields(kind)[0].name == "epoch" for kind in about)
