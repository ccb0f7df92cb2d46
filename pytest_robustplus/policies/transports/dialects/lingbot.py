"""LingBot-VA's dialect: it predicts frames with their actions, and is told afterwards what the frames really were."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.errors import BadInputError, PolicyError
from pytest_robustplus.models.profile import Profile
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.transports import replies
from pytest_robustplus.policies.transports.dialects.contract import Server

LIBERO = {"agentview": "observation.images.agentview_rgb", "wrist": "observation.images.eye_in_hand_rgb"}
FRAMES_PER_LATENT = 4
"""The video model's latent frame stands for four real ones, so four observed frames go back per latent frame."""


class LingBot:
    """Answers ``replan`` actions a look, because a frame goes back every so many steps; it infers when they run out.

    The server answers ``action`` of shape (width, latent frames, actions a frame). The first latent frame of an episode
    is the one it was shown, and is not executed.
    """

    remembers = True

    def __init__(self, server: Server, profile: Profile) -> None:
        if not set(profile.cameras) <= LIBERO.keys():
            raise BadInputError(
                "The lingbot dialect is built for LIBERO's cameras. On RoboTwin each pose is composed on the first one"
                " of the episode, which is not built yet."
            )
        self._server = server
        self._request = dict(profile.request)
        self._replan = profile.replan
        self._first: dict[str, Any] = {}
        self._seen: list[dict[str, Any]] = []
        self._action: NDArray[Any] | None = None
        self._left: Actions = np.empty((0, profile.action_width))
        self.where = f"The policy server at {server.address.url}"

    def reset(self, instruction: str) -> None:
        self._first, self._seen, self._action = {}, [], None
        self._left = self._left[:0]
        self._server.ask({"reset": True, "prompt": instruction}, "a reset", kind="cache")

    def act(self, observation: Observation) -> Actions:
        frame = {LIBERO[camera]: image for camera, image in observation.images.items()}
        if self._action is None:
            self._first = frame
        else:
            self._seen.append(frame)
        if not len(self._left):
            self._infer(observation.instruction)
        answer, self._left = self._left[: self._replan], self._left[self._replan :]
        return answer

    def _infer(self, instruction: str) -> None:
        if self._action is not None:
            told = {"obs": self._seen, "compute_kv_cache": True, "imagine": False, "state": self._action}
            self._server.ask(told, "an update of its memory", kind="cache")
            self._seen = []
        asked = {"obs": self._first, "prompt": instruction, **self._request}
        reply = self._server.ask(asked, "an inference")
        action = np.asarray(replies.field(reply, "action", self.where))
        per_frame = action.shape[2] if action.ndim == 3 else 0
        start = 1 if self._action is None else 0
        if per_frame != self._replan * FRAMES_PER_LATENT or action.shape[1] <= start:
            raise PolicyError(
                f"{self.where} answered an array of shape {action.shape}; with replan = {self._replan} in the model's"
                f" profile it must be (width, frames, {self._replan * FRAMES_PER_LATENT}), since a frame goes back"
                f" every {self._replan} step(s)."
            )
        self._action = action
        self._left = np.moveaxis(action[:, start:], 0, -1).reshape(-1, action.shape[0])
