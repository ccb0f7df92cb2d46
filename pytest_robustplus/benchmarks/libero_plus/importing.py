"""Importing modules of packages whose own ``__init__`` would bring more than is needed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any, cast


@contextmanager
def without_init(*packages: str) -> Iterator[None]:
    """Put off what packages do when they are imported, parents first, while modules of theirs are.

    That is done when somebody imports the packages themselves, or asks them for what they define.
    """
    begun: dict[str, ModuleType] = {}
    for name in packages:
        if module := _BEGUN.take(name):
            sys.modules[name] = begun[name] = module
    try:
        yield
    finally:
        for name, module in reversed(begun.items()):
            parent, _, child = name.rpartition(".")
            setattr(sys.modules[parent], child, module)
            _BEGUN.put(name, sys.modules.pop(name))


class _Begun:
    """Packages of which modules have been imported, and nothing else: the import system finds each once."""

    def __init__(self) -> None:
        self._modules: dict[str, Any] = {}

    def take(self, name: str) -> ModuleType | None:
        """A package to import modules from; None if it has been imported itself, or is nowhere."""
        if name in sys.modules:
            return None
        if module := self._modules.pop(name, None):
            del module.__getattr__
            return cast(ModuleType, module)
        spec = PathFinder.find_spec(name, _path(name))
        return module_from_spec(spec) if spec else None

    def put(self, name: str, module: Any) -> None:
        module.__getattr__ = partial(_asked, name)
        self._modules[name] = module

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        module = self.take(name) if name in self._modules else None
        spec = PathFinder.find_spec(name, path, target) if module else None
        if module and spec and spec.loader:
            spec.loader = _Completing(module, spec.loader)
        return spec


class _Completing(Loader):
    """Executes a package in the module that holds what has been imported of it."""

    def __init__(self, module: ModuleType, loader: Loader) -> None:
        self._module, self._loader = module, loader

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)


def _path(name: str) -> Any:
    """Where to look for a package: its parents are imported as usual, unless they have been put off, too."""
    parent, _, _ = name.rpartition(".")
    return import_module(parent).__path__ if parent else None


def _asked(package: str, name: str) -> Any:
    if name.startswith("__"):  # nobody but Python asks
        raise AttributeError(name)
    return getattr(import_module(package), name)


_BEGUN = _Begun()
sys.meta_path.insert(0, _BEGUN)
