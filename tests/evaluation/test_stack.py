"""A function that stands still until what it asks for has come."""

from __future__ import annotations

import threading

import pytest

from pytest_robustplus.evaluation.stack import Stack, current


def sum_of_two() -> int:
    stack = current()
    assert stack is not None
    return int(stack.ask("first") + stack.ask("second"))


def test_it_asks_and_goes_on_with_the_answer() -> None:
    stack = Stack(sum_of_two)
    assert current() is None, "who resumes it runs on no stack"
    assert stack.resume() == "first"
    other = Stack(sum_of_two)
    assert other.resume() == "first"
    assert stack.resume(3) == "second"
    assert stack.resume(4) is None
    assert (stack.over, stack.result, other.over) == (True, 7, False)
    other.close()
    assert other.over


def test_errors_cross_in_both_directions() -> None:
    def work() -> str:
        stack = current()
        assert stack is not None
        with pytest.raises(ValueError, match="no answer"):
            stack.ask("what")
        raise KeyError("mine")

    stack = Stack(work)
    assert stack.resume() == "what"
    assert stack.resume(error=ValueError("no answer")) is None
    with pytest.raises(KeyError, match="mine"):
        _ = stack.result


def test_one_that_is_closed_runs_no_further_and_leaves_no_thread() -> None:
    seen: list[str] = []

    def work() -> None:
        stack = current()
        assert stack is not None
        try:
            stack.ask("what")
        except Exception:
            seen.append("caught")
        finally:
            seen.append("unwound")
            stack.ask("once more")
        seen.append("went on")

    before = threading.active_count()
    stack = Stack(work)
    stack.resume()
    stack.close()
    assert seen == ["unwound"]
    assert threading.active_count() == before
    Stack(work).close()
