"""Where what plays says that it goes on."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Where what plays says that it goes on."""

    def update(self) -> None:
        """There may be more to tell; may come hundreds of times a second."""
        ...

    def end(self) -> None:
        """A question is answered, or cannot be."""
        ...


class Silent:
    """Says nothing: for workers, whose controller watches the ledger, and for ``--robust-progress=off``."""

    def update(self) -> None:
        pass

    def end(self) -> None:
        pass
