"""Shared by all tests: pytest in pytest, and a place for the toy benchmark to be imported from."""

from __future__ import annotations

pytest_plugins = ["pytester"]
