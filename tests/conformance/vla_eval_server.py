"""A policy without weights behind the real vla-eval 0.8.0 model server; run by vla_eval.sh, which installs it."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from vla_eval.model_servers.predict import PredictModelServer
from vla_eval.model_servers.serve import serve

STEPS = 8


class Linear(PredictModelServer):
    """Answers chunks whose rows count up from a figure that depends on everything that was sent."""

    def predict(self, obs: dict[str, Any], ctx: Any) -> dict[str, Any]:
        if obs["task_description"] == "fail":
            raise ValueError("asked to fail")
        pixels = sum(float(np.asarray(frame).mean()) for frame in obs["images"].values())
        figure = pixels + float(np.sum(obs["states"])) + len(obs["task_description"])
        return {"actions": np.float32(figure) + np.arange(STEPS, dtype=np.float32)[:, None] * np.ones(7, np.float32)}

    def get_observation_params(self) -> dict[str, Any]:
        return {"send_wrist_image": True, "send_state": True}


if __name__ == "__main__":
    serve(Linear(chunk_size=STEPS), host="127.0.0.1", port=int(sys.argv[1]))
