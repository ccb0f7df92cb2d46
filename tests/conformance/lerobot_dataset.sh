#!/usr/bin/env bash
# Play three episodes of the real LIBERO-Plus, write them as a LeRobotDataset and as recordings for rerun, and read both back by
# the real libraries: Python 3.12 with lerobot 0.6.1 (about 5 GB). Usage: lerobot_dataset.sh [folder for the environment; kept if given]
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/conformance/served.sh
lerobot_0_6 "${1:-}"
run=$(mktemp -d)
trap 'rm -rf "$run"; finish' EXIT
.venv/bin/pip install --quiet --disable-pip-version-check --target "$run/rerun" --no-deps "rerun-sdk>=0.23,<0.24" attrs typing_extensions
pytest() { PYTHONPATH="$PWD:$run/rerun/rerun_sdk:$run/rerun" .venv/bin/python -m pytest --rootdir=. --robust-ledger="$run/ledger.sqlite" "$@"; }
pytest -q suites/libero_plus_generated -k success --robust-model=reference --robust-suite=libero_object --robust-perturbation=camera \
    --robust-budget=3 --robust-baseline=none
pytest --robust-replay=1-3 --robust-replay-as=lerobot,rrd,mp4 --robust-replay-to="$run"
HF_HUB_OFFLINE=1 PYTHONPATH="$PWD/tests/support" "$place/bin/python" tests/conformance/lerobot_dataset.py "$run/robustplus-lerobot" "$run/ledger.sqlite"
PYTHONPATH="$run/rerun/rerun_sdk:$run/rerun" .venv/bin/python tests/conformance/rerun_recordings.py "$run"
