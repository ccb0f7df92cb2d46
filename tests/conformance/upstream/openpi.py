"""π0, π0-FAST and π0.5 on LIBERO: openpi's ``serve_policy.py``, asked by its example's own loop.

Its configurations, transforms, normalisation and tokenizers are its own, from a checkpoint without weights; what stands
in are the network and the two vocabularies that it would fetch, by bytes. With ``--random-weights`` the network of π0
and π0.5 is its own, too, but small.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import stub

CONFIGS = {"pi0": "pi0_libero", "pi0_fast": "pi0_fast_libero", "pi05": "pi05_libero"}
VOCABULARY = 257152
"""PaliGemma's."""
SKIPPED = 128


class Bytes:
    """In the place of PaliGemma's vocabulary: a token for each byte."""

    def __init__(self, **_: Any) -> None: ...

    def vocab_size(self) -> int:
        return VOCABULARY

    def encode(self, text: str, *, add_bos: bool = False, add_eos: bool = False) -> list[int]:
        return [2] * add_bos + [byte + 3 for byte in text.encode()] + [1] * add_eos

    def decode(self, tokens: list[int]) -> str:
        return bytes(token - 3 for token in tokens if 3 <= token < 259).decode()


class Written:
    """In the place of FAST's vocabulary: the numbers are written out."""

    @staticmethod
    def from_pretrained(*_: Any, **__: Any) -> Written:
        return Written()

    def decode(self, tokens: list[list[int]], *, time_horizon: int, action_dim: int) -> Any:
        text = Bytes().decode([VOCABULARY - 1 - SKIPPED - token for token in tokens[0]])
        return np.array([[float(number) for number in text.split()]]).reshape(1, time_horizon, action_dim)


def serve(port: int, network: stub.Network) -> None:
    os.environ["JAX_PLATFORMS"] = "cpu"
    stub.without("lerobot", "wandb")
    sys.path[:0] = [str(stub.checkout / part) for part in ("src", "packages/openpi-client/src", "scripts")]
    import jax
    import tyro
    from openpi.models import model, siglip, tokenizer
    from openpi.shared import download, nnx_utils, normalize

    config = CONFIGS[os.environ["MODEL"]]

    def sampling(settings: Any) -> Any:
        """openpi's network, small and with random weights; its noise is that of one generator, whoever asks."""
        smallest = siglip.decode_variant("mu/14")
        siglip.decode_variant = lambda _: smallest
        small = replace(settings, paligemma_variant="dummy", action_expert_variant="dummy")
        return compiled(small.create(jax.random.key(0)).sample_actions)

    class Stubbed:
        def __init__(self, settings: Any) -> None:
            self.shape = (1, settings.action_horizon, settings.action_dim)
            self.tokens = settings.model_type is model.ModelType.PI0_FAST
            self.sampled = sampling(settings) if os.environ.get("WEIGHTS") == "random" else None

        def sample_actions(self, _rng: Any, seen: Any, **_: Any) -> Any:
            arrays = {f"image.{name}": image for name, image in seen.images.items()}
            arrays |= {f"mask.{name}": mask for name, mask in seen.image_masks.items()}
            arrays |= {"tokens": seen.tokenized_prompt, "read": seen.tokenized_prompt_mask}
            # π0-FAST and π0.5 are told the state in words, so that what else arrives of it has no reader.
            if config == "pi0_libero":
                arrays["state"] = seen.state
            answer = network(self.shape, **arrays)
            if self.sampled is not None:
                return self.sampled(jax.random.key(0), seen)
            if not self.tokens:
                return answer
            text = "Action: " + " ".join(f"{number:.4f}" for number in answer.ravel()) + "|"
            return np.asarray([Bytes().encode(text, add_eos=True)])

    model.BaseModelConfig.load = lambda self, _params, **__: Stubbed(self)
    model.restore_params = lambda *_, **__: {}
    compiled, nnx_utils.module_jit = nnx_utils.module_jit, lambda function: function
    tokenizer.sentencepiece = SimpleNamespace(SentencePieceProcessor=Bytes)
    tokenizer.AutoProcessor = Written
    checkpoint = network.folder / "checkpoint"
    rng = np.random.default_rng(0)
    statistics = {
        name: normalize.NormStats(
            mean=rng.normal(0, 0.1, width), std=rng.uniform(0.2, 1, width),
            q01=rng.uniform(-2, -1, width), q99=rng.uniform(1, 2, width),
        )
        for name, width in (("state", 8), ("actions", 7))
    }  # fmt: skip
    normalize.save(checkpoint / "assets" / "physical-intelligence" / "libero", statistics)
    (checkpoint / "vocabulary").touch()
    fetched = download.maybe_download
    download.maybe_download = lambda url, **keywords: (
        checkpoint / "vocabulary" if url.startswith("gs://big_vision") else fetched(url, **keywords)
    )
    import serve_policy

    command = ["--env", "LIBERO", "--port", str(port), "policy:checkpoint"]
    command += ["--policy.config", config, "--policy.dir", str(checkpoint)]
    serve_policy.main(tyro.cli(serve_policy.Args, args=command))


def ask(port: int, looks: list[dict[str, Any]]) -> list[Any]:
    """``eval_libero`` of its example, in an environment that shows the looks."""
    stub.without("imageio", "libero", "tqdm", "tyro")
    sys.path.insert(0, str(stub.checkout / "packages/openpi-client/src"))
    example = stub.module("examples/libero/main.py")
    example.tqdm.tqdm = lambda items: items
    shown = []
    for episode in stub.episodes(looks):
        args = example.Args(
            host="127.0.0.1", port=port, task_suite_name=str(episode[0]["suite"]), num_trials_per_task=1,
            video_out_path=os.environ["RECORD"],
        )  # fmt: skip
        environment = stub.LiberoLooks(episode, args.num_steps_wait, args.replan_steps)
        suite = SimpleNamespace(
            n_tasks=1, get_task=lambda _, told=episode[0]["instruction"]: SimpleNamespace(language=str(told)),
            get_task_init_states=lambda _: [None],
        )  # fmt: skip
        example.benchmark.get_benchmark_dict = lambda suite=suite, args=args: {args.task_suite_name: lambda: suite}
        example._get_libero_env = lambda task, *_, environment=environment: (environment, task.language)
        example.eval_libero(args)
        shown += environment.chunks
    return shown


if __name__ == "__main__":
    stub.run(serve, ask)
