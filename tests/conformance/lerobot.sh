#!/usr/bin/env bash
# ACT, X-VLA and SmolVLA checkpoints of the real lerobot, tiny and with random weights, saved, loaded from disk and
# played. Usage: tests/conformance/lerobot.sh [folder for the environment; kept if given]
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/conformance/served.sh
environment "${1:-}"
tests/conformance/lerobot_environment.sh "$place"
checkpoints=$(mktemp -d)
trap 'rm -rf "$checkpoints"; finish' EXIT
export HF_HUB_OFFLINE=1 PYTHONPATH="$PWD:$PWD/tests/conformance${PYTHONPATH:+:$PYTHONPATH}"
"$place/bin/python" tests/conformance/lerobot_checkpoints.py "$checkpoints"
"$place/bin/python" tests/conformance/lerobot_episodes.py "$checkpoints"
