#!/usr/bin/env bash
# The real ManiSkill 3.0.1: whole episodes of one and of two arms under each dimension, experts, scenes that step together.
# Usage: tests/conformance/maniskill.sh [folder for the environment; kept if given]
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/conformance/served.sh
environment "${1:-}" torch==2.13.0 "mani_skill==3.0.1" "numpy<2" "opencv-python<4.12" sapien==3.0.3
site=$("$place/bin/python" -c 'import site; print(site.getsitepackages()[0])')
.venv/bin/python -c 'import site; print(site.getsitepackages()[0])' >"$site/robustplus.pth"
PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" "$place/bin/python" tests/conformance/maniskill_episodes.py
