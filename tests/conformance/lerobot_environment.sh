#!/usr/bin/env bash
# Make an environment with the real lerobot on top of .venv, replacing what lerobot needs in other versions: 0.4.4 on
# Python 3.11 (about 2 GB), 0.6.1, which needs it, on 3.12 (about 5 GB). Usage: lerobot_environment.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."
[ ! -e "$1/.lerobot" ] || exit 0
[ -x "$1/bin/python" ] || .venv/bin/python -m venv "$1"
# The cameras, motors and logging of lerobot are not needed. NumPy stays below 2 for LIBERO, although 0.6.1 asks for 2, and
# so pyarrow below 23. lerobot 0.4.4 asks for torch below 2.11, but these policies work with later ones.
numpy=(numpy==1.26.4 "opencv-python-headless<4.12" "packaging>=24.2,<26" "einops>=0.8,<0.9" "gymnasium>=1.1.1,<2")
if "$1/bin/python" -c 'import sys; sys.exit(sys.version_info >= (3, 12))'; then
    lerobot=(lerobot==0.4.4 torchvision==0.28.0)
    versions=(torch==2.13.0 "datasets>=4,<5" "pyarrow>=21,<23" "pandas<3" "diffusers>=0.27.2,<0.36" draccus==0.10.0
        "huggingface-hub>=0.34.2,<0.36" "accelerate>=1.10,<2" "av>=15,<16" "jsonlines>=4,<5" "deepdiff>=7.0.1,<9"
        "transformers>=4.57.1,<5" "setuptools<81" pyserial)
else
    lerobot=(lerobot==0.6.1 torchvision==0.26.0)
    versions=(torch==2.11.0 "diffusers>=0.38,<0.40" "draccus>=0.11.6,<0.12" "huggingface-hub>=1.6,<2"
        "accelerate>=1.14,<2" "transformers>=5.4,<5.6" "setuptools<82")
fi
"$1/bin/pip" install --quiet --disable-pip-version-check "${numpy[@]}" "${versions[@]}" num2words safetensors termcolor
"$1/bin/pip" install --quiet --disable-pip-version-check --no-deps "${lerobot[@]}"
site=$("$1/bin/python" -c 'import site; print(site.getsitepackages()[0])')
.venv/bin/python -c 'import site; print(site.getsitepackages()[0])' >"$site/robustplus.pth"
touch "$1/.lerobot"
