"""What each request to a policy server cost."""

from __future__ import annotations

from typing import Literal, NamedTuple

KEPT = 20_000
"""Timings kept per connection: about 1 MB, and more than a latency test or a cell asks."""


class Timing(NamedTuple):
    """One request and its answer; seconds and bytes.

    ``round_trip_s`` is the client's own clock, encoding and decoding included. ``server_s`` is what the server claims,
    None if it claims nothing. ``kind`` is ``cache`` for requests that only feed a memory.
    """

    round_trip_s: float
    server_s: float | None
    sent_bytes: int
    received_bytes: int
    kind: Literal["infer", "cache"] = "infer"
