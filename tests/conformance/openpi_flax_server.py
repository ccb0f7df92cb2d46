"""A flax policy behind openpi's protocol, on openpi-client's own codec; run by openpi_flax.sh, which installs both.

Answers from pictures, state and prompt by a small network on JAX, and a prompt of "fail" with a traceback.
"""

from __future__ import annotations

import sys
import time
import traceback
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from openpi_client import msgpack_numpy
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

CHUNK, WIDTH, WORDS = 10, 7, 64


class Policy(nnx.Module):
    """Frames to 16 pixels each, the prompt as a bag of bytes, one hidden layer, small actions."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.hidden = nnx.Linear(2 * 3 + 8 + WORDS, 32, rngs=rngs)
        self.answer = nnx.Linear(32, CHUNK * WIDTH, rngs=rngs)

    def __call__(self, frames: jax.Array, state: jax.Array, words: jax.Array) -> jax.Array:
        colours = (frames.astype(jnp.float32) / 255).mean((1, 2)).ravel()
        hidden = nnx.relu(self.hidden(jnp.concatenate([colours, state, words])))
        return 0.3 * jnp.tanh(self.answer(hidden)).reshape(CHUNK, WIDTH)


def main(port: int) -> None:
    policy = Policy(nnx.Rngs(0))
    apply = nnx.jit(lambda policy, *inputs: policy(*inputs))

    def infer(message: dict[str, Any]) -> dict[str, Any]:
        if message["prompt"] == "fail":
            raise ValueError("asked to fail")
        frames = np.stack([message["observation/image"], message["observation/wrist_image"]])
        words = np.bincount(np.frombuffer(message["prompt"].encode(), np.uint8) % WORDS, minlength=WORDS)
        start = time.monotonic()
        actions = apply(policy, frames, message["observation/state"].astype(np.float32), words.astype(np.float32))
        dispatched = time.monotonic() - start
        answer = {"actions": np.asarray(actions), "state": message["observation/state"]}
        # As openpi does: the one times JAX's dispatch, the other everything.
        timing = {"infer_ms": 1000 * (time.monotonic() - start)}
        return {**answer, "policy_timing": {"infer_ms": 1000 * dispatched}, "server_timing": timing}

    def handler(connection: ServerConnection) -> None:
        packer = msgpack_numpy.Packer()
        try:
            connection.send(packer.pack({"backend": jax.default_backend(), "flax": "nnx"}))
            while True:
                try:
                    connection.send(packer.pack(infer(msgpack_numpy.unpackb(connection.recv()))))
                except ConnectionClosed:
                    raise
                except Exception:
                    connection.send(traceback.format_exc())
                    connection.close(1011, "Internal server error. Traceback included in previous frame.")
        except ConnectionClosed:
            return

    with serve(handler, "127.0.0.1", port, compression=None, max_size=None) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
