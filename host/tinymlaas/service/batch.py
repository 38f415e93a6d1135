"""Many small requests, one transaction: while one batch is at the database, the next one gathers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

_Question = TypeVar("_Question")
_Answer = TypeVar("_Answer")


class Batch(Generic[_Question, _Answer]):
    """``work`` answers a list of questions, in order, in a worker thread; when it fails they are asked one by one."""

    def __init__(self, work: Callable[[Sequence[_Question]], Sequence[_Answer]], most: int = 256) -> None:
        self._work = work
        self._most = most
        self._waiting: list[tuple[_Question, asyncio.Future[_Answer]]] = []
        self._runner: asyncio.Task[None] | None = None

    async def ask(self, question: _Question) -> _Answer:
        """The answer, once the transaction that holds it is committed."""
        future: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            await self._answer(batch)

    async def _answer(self, batch: list[tuple[_Question, asyncio.Future[_Answer]]]) -> None:
        try:
            answers = await asyncio.to_thread(self._work, [question for question, _ in batch])
        except Exception as error:
            await self._one_by_one(batch, error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():  # the client may have gone
                future.set_result(answer)

    async def _one_by_one(self, batch: list[tuple[_Question, asyncio.Future[_Answer]]], error: Exception) -> None:
        """Nobody's question fails because of a neighbour's."""
        if len(batch) > 1:
            for item in batch:
                await self._answer([item])
        elif not batch[0][1].done():
            batch[0][1].set_exception(error)
