"""DreamZero's dialect: openpi's map with an ``endpoint`` that says whether to infer or to forget."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.transports import replies
from pytest_robustplus.policies.transports.dialects.openpi import Openpi


class DreamZero(Openpi):
    """Actions come bare or under ``actions``; a reset is confirmed by a text frame."""

    remembers = True

    def reset(self, instruction: str) -> None:
        self._server.ask({"endpoint": "reset"}, "a reset", kind="cache", text="reset successful")

    def act(self, observation: Observation) -> Actions:
        reply = self._server.ask({**self.message(observation), "endpoint": "infer"}, "an inference")
        bare = replies.field(reply, "actions", self.where) if isinstance(reply, Mapping) else reply
        return replies.chunk(bare, self.where)
