"""Libraries that only some transports need, imported when one of them is used."""

from __future__ import annotations

import importlib
from typing import Any

from pytest_robustplus.errors import BadInputError


def load(module: str, package: str, purpose: str) -> Any:
    """Import ``module``; raises ``BadInputError`` with the pip line when it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise BadInputError(
            f"{purpose} needs {module.partition('.')[0]}, which cannot be imported here: {error}. Install it with"
            f" pip install '{package}'."
        ) from error
