"""Shared by all tests: pytest in pytest, and a place for the toy benchmark to be imported from."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--everywhere", action="store_true", help="run every plugin test without xdist, at -n0 and at -n2")
