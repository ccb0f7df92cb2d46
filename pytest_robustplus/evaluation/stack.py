"""A function that stands still, wherever it is, until what it asks for has come: a thread used as a stack only.

Of the two sides only one ever runs, so that neither needs a lock: what it asks for is done by the other one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class GivenUp(BaseException):
    """Nobody waits for the function any more."""


class _Own(threading.local):
    stack: Stack[Any] | None = None


_OWN = _Own()


def current() -> Stack[Any] | None:
    """The stack on which the caller runs; None on a thread that is none."""
    return _OWN.stack


class Stack(Generic[Result]):
    """Runs ``work`` from one question to the next."""

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self._thread: threading.Thread | None = None
        self._questions: SimpleQueue[Any] = SimpleQueue()
        self._answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self._result: tuple[Result] | None = None
        self._error: BaseException | None = None
        self._closed = False

    @property
    def over(self) -> bool:
        """Whether the function has returned or raised."""
        return self._result is not None or self._error is not None

    @property
    def result(self) -> Result:
        """What it returned; raises what it raised."""
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result[0]

    def ask(self, question: object) -> Any:
        """Stand still until the question is answered; for the function alone."""
        if self._closed:
            raise GivenUp
        self._questions.put(question)
        answer, error = self._answers.get()
        if error is not None:
            raise error
        return answer

    def resume(self, answer: object = None, error: BaseException | None = None) -> Any:
        """Let it run on, with the answer to what it asked last, or ``error``; returns what it asks next.

        Nothing once it is over.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="robustplus-stack", daemon=True)
            self._thread.start()
        else:
            self._answers.put((answer, error))
        return self._questions.get()

    def close(self) -> None:
        """End it where it stands."""
        self._closed = True
        if self._thread is not None and not self.over:
            self.resume(error=GivenUp())
            self._thread.join()

    def _run(self) -> None:
        _OWN.stack = self
        try:
            self._result = (self._work(),)
        except BaseException as error:
            self._error = error
        finally:
            self._questions.put(None)
