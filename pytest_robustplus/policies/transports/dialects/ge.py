"""Genie Envisioner's dialect: all views in one array, and a word in the prompt that clears the memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_robustplus.models.profile import Profile
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.transports import replies
from pytest_robustplus.policies.transports.dialects.contract import Server

FORGET = "<reset>"


class GenieEnvisioner:
    """``execution_step`` is how many actions were executed since the last look."""

    remembers = True

    def __init__(self, server: Server, profile: Profile) -> None:
        self._server = server
        self._request = {"execution_step": profile.replan, **profile.request}
        self._fresh = True
        self.where = f"The policy server at {server.address.url}"

    def reset(self, instruction: str) -> None:
        self._fresh = True

    def act(self, observation: Observation) -> Actions:
        # The server takes the word out again, so the model never reads it.
        prompt = FORGET + observation.instruction if self._fresh else observation.instruction
        message: dict[str, Any] = {
            "obs": np.stack(list(observation.images.values())),
            "prompt": prompt,
            **self._request,
        }
        if "state" in observation.state:
            message["state"] = observation.state["state"]
        reply = self._server.ask(message, "an inference")
        self._fresh = False
        return replies.chunk(replies.field(reply, "actions", self.where), self.where)
