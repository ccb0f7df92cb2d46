"""Where what plays says that it goes on."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Where what plays says that it goes on."""

    def look(self) -> None:
        """There may be more to tell; may come hundreds of times a second."""
        ...

    def end(self) -> None:
        """A question is answered, or cannot be."""
        ...


class Silent:
    """Says nothing: for workers, whose controller watches the ledger, and for ``--robust-progress=off``."""

    def look(self) -> None:
        pass

    def end(self) -> None:
        pass
