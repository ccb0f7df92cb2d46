"""Lets a CUDA build of torchvision be imported beside a CPU build of torch, as lerobot does; used by lerobot.sh.

torchvision registers fake implementations of two operators that only its compiled part declares, and that part does not
load without CUDA. Where it has loaded there is nothing to do.
"""

from __future__ import annotations

import contextlib

import torch

_LIBRARY = torch.library.Library("torchvision", "FRAGMENT")
for _name in ("nms", "qnms"):
    with contextlib.suppress(RuntimeError):
        _LIBRARY.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
