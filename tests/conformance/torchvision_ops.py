"""Lets a CUDA build of torchvision be imported beside a CPU build of torch, as lerobot does; used by lerobot.sh.

torchvision registers fake implementations of two operators that only its compiled part declares, and that part does not
load without CUDA. Declared a second time beside a part that loads, they would end the process, so it is tried first.
"""

from __future__ import annotations

import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:  # operator torchvision::nms does not exist
    _LIBRARY = torch.library.Library("torchvision", "FRAGMENT")
    for _name in ("nms", "qnms"):
        _LIBRARY.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
