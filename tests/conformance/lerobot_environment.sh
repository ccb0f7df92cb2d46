#!/usr/bin/env bash
# Make an environment with the real lerobot 0.4.4 (about 2 GB) on top of .venv, replacing what lerobot needs in other
# versions. Usage: tests/conformance/lerobot_environment.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."
[ ! -e "$1/.lerobot" ] || exit 0
[ -x "$1/bin/python" ] || .venv/bin/python -m venv "$1"
# lerobot 0.4.4 asks for torch below 2.11, but these policies work with later ones; its cameras, motors and logging are
# not needed. NumPy stays below 2 for LIBERO, and so pyarrow below 23.
"$1/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==1.26.4 "datasets>=4,<5" "pyarrow>=21,<23" \
    "pandas<3" "diffusers>=0.27.2,<0.36" "huggingface-hub>=0.34.2,<0.36" "accelerate>=1.10,<2" "einops>=0.8,<0.9" \
    "av>=15,<16" "jsonlines>=4,<5" "packaging>=24.2,<26" draccus==0.10.0 "gymnasium>=1.1.1,<2" "deepdiff>=7.0.1,<9" \
    "transformers>=4.57.1,<5" num2words safetensors termcolor "setuptools<81" pyserial "opencv-python-headless<4.12"
"$1/bin/pip" install --quiet --disable-pip-version-check --no-deps lerobot==0.4.4 torchvision==0.28.0
site=$("$1/bin/python" -c 'import site; print(site.getsitepackages()[0])')
.venv/bin/python -c 'import site; print(site.getsitepackages()[0])' >"$site/robustplus.pth"
touch "$1/.lerobot"
