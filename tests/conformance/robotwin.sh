#!/usr/bin/env bash
# Our RoboTwin driver against real RoboTwin code, the packaged runtime's, in an environment of its own (about 1 GB).
# Usage: tests/conformance/robotwin.sh [folder for the environment; kept if given]
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/conformance/served.sh
# The runtime's own pins want torch and a SAPIEN that draws on graphics cards only; its four box tasks need neither.
environment "${1:-}" numpy==1.26.4 'pandas<2.3' 'scikit-learn<1.6' 'scipy<1.12' mplib==0.2.1 sapien==3.0.3 \
    gymnasium==0.29.1 toppra transforms3d trimesh h5py imageio opencv-python-headless pillow pyyaml 'setuptools<75.9'
"$place/bin/pip" install --quiet --disable-pip-version-check --no-deps rlinf-robotwin-runtime==0.1.3
.venv/bin/python scripts/prove_robotwin.py --runtime --python "$place/bin/python" --configurations demo_clean --depth
