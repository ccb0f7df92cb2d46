"""What a model is called that is known only by how it is reached."""

from __future__ import annotations

import pytest

from pytest_robustplus.policies.specs import model_name


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("python:my_policy:Policy", "Policy"),
        ("python:my.policies:Zoo.small", "Zoo_small"),
        ("python:robotwin_policy", "robotwin_policy"),
        ("openpi:ws://gpu1:8000", "openpi_gpu1_8000"),
        ("openpi:gpu1:8000", "openpi_gpu1_8000"),
        ("act:http://10.0.0.7:8777/act", "act_10_0_0_7_8777_act"),
        ("openpi:ws://gpu1:8000?answer_s=60&checkpoint=run42-step30000", "run42_step30000"),
        ("onnx:runs/step-30000.onnx", "step_30000"),
        ("lerobot:runs/42/pretrained_model", "pretrained_model"),
        ("vla-eval:ws://gpu1:8000", "vla_eval_gpu1_8000"),
    ],
)
def test_a_model_is_named_by_what_a_reader_knows_of_it(spec: str, name: str) -> None:
    assert model_name(spec) == name
