"""Worker processes that answer batches, seen from the server: some die, some hang, others lie.

One batch is under way in each. A worker that dies is replaced, and its batch tried once more by
another: it may have been the batch that killed it, so never a third time. One that takes too long
is killed. What comes back is checked against what the model has announced; where a batch fails and
has more than one request, each is asked alone, so that only those fail that would fail alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np

from mlsys.serving.server.errors import ModelFault, ProtocolError, TimedOut, Unavailable
from mlsys.serving.server.models import ModelError
from mlsys.serving.server.tensors import Array, Info, check_outputs
from mlsys.serving.server.warmup import warm
from mlsys.serving.server.worker import halves, hear, say, work

Arrays = dict[str, Array]
TRIES = 2  # workers that a batch may cost
PATIENCE = 0.2  # seconds between a death and the next start, doubled after each that fails
MOST_PATIENCE = 10.0


class Died(Exception):
    """The worker has ended, and with it what was under way."""


class Worker:
    """One process, from its start to its end."""

    def __init__(self, model: str, room: int, threads: int | None = 1) -> None:
        self.memory = SharedMemory(create=True, size=room)
        self._questions, self._answers = halves(self.memory)
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        arguments = theirs, self.memory.name, model, os.getpid(), threads
        self.process = context.Process(target=work, args=arguments, daemon=True)
        self._waiting: asyncio.Future[tuple[str, Any]] | None = None
        self._loop = asyncio.get_running_loop()
        self.process.start()
        theirs.close()
        self._loop.add_reader(self._connection.fileno(), self._hear)

    async def start(self, seconds: float) -> Info:
        """What the model takes and gives. Raises `ModelError` if it cannot be loaded."""
        try:
            how, what = await asyncio.wait_for(self._next(), seconds)
        except (TimeoutError, Died):
            raise ModelError(f"no worker was ready within {seconds:g} s") from None
        if how == "broken":
            raise ModelError(str(what))
        info: Info = what
        return info

    async def ask(self, items: Sequence[Arrays], seconds: float) -> Arrays:
        """The outputs for all items, one below the other; valid until the next question.

        Raises `Died`, `TimedOut` (then it has been killed), `ModelFault` if the model raises.
        """
        layout = self._questions.lay({name: [item[name] for item in items] for name in items[0]})
        answer = self._next()
        alarm = self._loop.call_later(seconds, self._late, answer, seconds)
        try:
            say(self._connection, layout)
            how, what = await answer
        except OSError:
            raise Died from None
        finally:
            alarm.cancel()
        if how == "raised":
            raise ModelFault(f"the model raised {what}")
        return {name: self._answers.read(lies) for name, lies in what.items()}

    def kill(self) -> None:
        """End it, now; whoever waits for it hears of that."""
        if self.process.is_alive():
            self.process.kill()

    def close(self) -> None:
        """End it, and give back what it had."""
        self._loop.remove_reader(self._connection.fileno())
        self.kill()
        self.process.join()
        self._connection.close()
        self.memory.unlink()
        with contextlib.suppress(BufferError):  # somebody still reads the last answer
            self.memory.close()

    def _late(self, answer: asyncio.Future[tuple[str, Any]], seconds: float) -> None:
        if not answer.done():
            self.kill()
            why = f"the model took longer than {seconds:g} s and was stopped"
            answer.set_exception(TimedOut(why))

    def _next(self) -> asyncio.Future[tuple[str, Any]]:
        self._waiting = self._loop.create_future()
        return self._waiting

    def _hear(self) -> None:
        """A message, or the end."""
        try:
            said = hear(self._connection)
        except (EOFError, OSError):
            self._loop.remove_reader(self._connection.fileno())
            said = Died()
        waiting, self._waiting = self._waiting, None
        if waiting is None or waiting.done():
            return
        if isinstance(said, Died):
            waiting.set_exception(said)
        else:
            waiting.set_result(said)


class Replicas:
    """``count`` workers with the model of this name. Use it inside a running event loop.

    room: bytes of shared memory for each; larger batches cross the socket. hang: seconds after
    which a worker is stopped. loading: seconds that a model may take to load. warm_up: each worker,
    a later one too, is asked once before it is one.
    """

    def __init__(
        self,
        model: str,
        *,
        count: int = 1,
        room: int = 2**24,
        hang: float = 30.0,
        loading: float = 120.0,
        threads: int | None = 1,
        warm_up: bool = False,
        log: Callable[[str], object] = lambda text: None,
    ) -> None:
        if count < 1:
            raise ValueError(f"count: expected at least 1, got {count}")
        self.model, self.count, self.hang, self.loading = model, count, hang, loading
        self._room, self._threads, self._log = room, threads, log
        self._warm_up = warm_up
        self._idle: asyncio.Queue[Worker] = asyncio.Queue()
        self._workers: set[Worker] = set()
        self._repairs: set[asyncio.Task[None]] = set()
        self._closed = False
        self.restarts = 0
        self.info: Info | None = None

    @property
    def pids(self) -> list[int]:
        """Of the living workers."""
        return sorted(w.process.pid or 0 for w in self._workers if w.process.is_alive())

    async def start(self) -> Info:
        """Start all; what the model takes and gives. Raises `ModelError`."""
        try:
            infos = await asyncio.gather(*(self._add() for _ in range(self.count)))
        except BaseException:
            await self.close()
            raise
        self.info = infos[0]
        return infos[0]

    async def run(self, items: Sequence[Arrays]) -> list[Arrays | BaseException]:
        """An answer, or what went wrong, for each item. All have the same names and shapes."""
        try:
            if len(items) == 1 or (self.info is not None and self.info.batched):
                return list(await self._batch(items))
        except ProtocolError as error:
            if len(items) == 1 or isinstance(error, Unavailable | TimedOut):
                return [error] * len(items)
        alone = [await self.run([item]) for item in items]
        return [answer for (answer,) in alone]

    async def close(self) -> None:
        """End all workers."""
        self._closed = True
        for task in self._repairs:
            task.cancel()
        await asyncio.gather(*self._repairs, return_exceptions=True)
        while self._workers:
            self._workers.pop().close()

    async def _add(self) -> Info:
        worker = Worker(self.model, self._room, self._threads)
        self._workers.add(worker)
        try:
            info = await worker.start(self.loading)
            if self._warm_up:
                await warm(lambda items: worker.ask(items, self.hang), info)
        except BaseException:
            self._discard(worker)
            raise
        self._idle.put_nowait(worker)
        return info

    async def _batch(self, items: Sequence[Arrays]) -> list[Arrays]:
        """All answers. Raises what one request's mistake is for all of them."""
        for _ in range(TRIES):
            worker = await self._free()
            try:
                outputs = await worker.ask(items, self.hang)
                answers = self._cut(items, outputs)
            except (Died, TimedOut) as error:
                self._replace(worker)
                if isinstance(error, TimedOut):
                    raise
            except BaseException as error:
                if isinstance(error, asyncio.CancelledError):
                    self._replace(worker)  # it is still at work on what nobody waits for
                else:
                    self._idle.put_nowait(worker)
                raise
            else:
                self._idle.put_nowait(worker)
                return answers
        raise ModelFault(f"{TRIES} workers have ended while they answered this")

    def _cut(self, items: Sequence[Arrays], outputs: Arrays) -> list[Arrays]:
        """The answers of all, each its own, as copies: the next batch overwrites what is shared."""
        assert self.info is not None
        if not self.info.batched:
            check_outputs(self.info, outputs, 1)
            return [{name: array.copy() for name, array in outputs.items()}]
        rows = [len(next(iter(item.values()))) for item in items]
        check_outputs(self.info, outputs, sum(rows))
        ends = np.cumsum(rows)
        return [
            {name: array[end - count : end].copy() for name, array in outputs.items()}
            for count, end in zip(rows, ends, strict=True)
        ]

    async def _free(self) -> Worker:
        """A worker that has nothing to do."""
        while True:
            try:
                worker = self._idle.get_nowait()
            except asyncio.QueueEmpty:
                worker = await self._next_free()
            if worker.process.is_alive():
                return worker
            self._replace(worker)

    async def _next_free(self) -> Worker:
        try:
            return await asyncio.wait_for(self._idle.get(), self.hang)
        except TimeoutError:
            raise Unavailable("there is no worker to answer this") from None

    def _discard(self, worker: Worker) -> None:
        if worker in self._workers:
            self._workers.remove(worker)
            worker.close()

    def _replace(self, worker: Worker) -> None:
        """A worker is lost; another is started, as often as it takes."""
        self._discard(worker)
        if not self._closed:
            task = asyncio.get_running_loop().create_task(self._repair())
            self._repairs.add(task)
            task.add_done_callback(self._repairs.discard)

    async def _repair(self) -> None:
        patience = PATIENCE
        while not self._closed:
            try:
                await self._add()
            except (ModelError, OSError) as error:
                self._log(f"a worker could not be started: {error}")
                await asyncio.sleep(patience)
                patience = min(2 * patience, MOST_PATIENCE)
            else:
                self.restarts += 1
                return
