"""What the grader asks of a student's file; no answer stands here."""

from __future__ import annotations

import asyncio
from typing import Any

from autograder.listening import Network, listen
from mlsys.serving.batching.virtual import NothingHappens, run_virtual


def places(student: Any, stories: list[Any]) -> list[Any]:
    """For each story, a place and the bits after it, for a hand that goes on from there."""
    told = []
    for used, hands in stories:
        bits, found = [bool(each) for each in used], []
        for hand in hands:
            place = student.second_chance(bits, hand)
            found.append([place, list(bits)])
        told.append(found)
    return told


def together(student: Any, users: list[Any], seconds: float, fails: list[str]) -> Any:
    """Users come, each at its time, ask for a key, and may leave again: [key, at, leaves].

    Returns for each what it got and when, how often each key was computed and given up, and how
    many computations are still noted at the end.
    """
    begun: list[str] = []
    given_up: list[str] = []
    under_way: dict[Any, Any] = {}

    async def compute(key: str) -> str:
        begun.append(key)
        number = begun.count(key)
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            given_up.append(key)
            raise
        if key in fails:
            raise ValueError(f"no {key}")
        return f"{key} {number}"

    async def user(key: str, at: float, leaves: float) -> list[Any]:
        await asyncio.sleep(at)
        loop = asyncio.get_running_loop()
        asked = asyncio.ensure_future(student.coalesced(under_way, key, lambda: compute(key)))
        if leaves >= 0:
            loop.call_later(leaves, asked.cancel)
        try:
            return [str(await asked), loop.time()]
        except ValueError as error:
            return [f"error: {error}", loop.time()]
        except asyncio.CancelledError:
            return ["left", loop.time()]

    async def main() -> list[Any]:
        found = await asyncio.gather(*(user(*each) for each in users))
        await asyncio.sleep(10 * seconds)
        return [list(found), begun, given_up, len(under_way)]

    try:
        return run_virtual(main())
    except NothingHappens:
        return "waits for ever"


def serve(talk: Any, student: Any) -> None:
    """Lines of users are answered by ``hedged``, which may ask the back ends "a" and "b"."""

    def make(network: Network) -> Any:
        state: dict[str, Any] = {}
        loop = asyncio.get_running_loop()

        async def ask(name: str, question: bytes) -> bytes:
            reader, writer = await network.connect(name)
            try:
                writer.write(question + b"\n")
                answer = await reader.readline()
            finally:
                writer.close()
            if not answer:
                raise ConnectionError(f"server {name} has failed")
            return answer[:-1]

        async def answer(reader: Any, writer: Any) -> None:
            question = (await reader.readline())[:-1]
            try:
                said = await student.hedged(state, question, ask, loop.time)
            except ConnectionError:
                said = b"failed"
            writer.write(bytes(said) + b"\n")
            writer.close()

        return answer

    listen(talk, make)
