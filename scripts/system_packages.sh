#!/bin/sh
# Installs the system libraries that LIBERO-Plus needs: a headless OpenGL, ImageMagick for motion blur, and what
# compiles the one dependency without a wheel (evdev). Where apt may not be used, prints the line to run.
set -eu
python=$1

case $("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') in
    3.11 | 3.12) ;;
    *) echo "$python is not Python 3.11 or 3.12." >&2; exit 1 ;;
esac

PATH=$PATH:/usr/sbin:/sbin  # where ldconfig lies, which an ordinary user's PATH on Debian lacks
have_library() { ldconfig -p | grep -q "$1"; }

missing=""
have_library 'libEGL\.so\.1' || missing="$missing libegl1 libegl-mesa0 libgl1-mesa-dri"
have_library 'libGL\.so\.1' || missing="$missing libgl1"
have_library 'libglib-2\.0\.so\.0' || missing="$missing libglib2.0-0"
have_library 'libMagickWand-6\.Q16\.so\|libMagickWand-7\.Q16' || missing="$missing libmagickwand-6.q16-6"
command -v cc >/dev/null || missing="$missing gcc libc6-dev"
test -e /usr/include/linux/input.h || missing="$missing linux-libc-dev"
"$python" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
    missing="$missing python3-dev"
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
[ -z "$missing" ] && exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
    as_root="sudo"
    sudo -n true 2>/dev/null || as_root="ask"
fi
command -v apt-get >/dev/null || as_root="ask"
[ "$as_root" = ask ] || $as_root apt-get update -qq

# Ubuntu's time64 transition renamed some packages; apt resolves the old names as virtual ones except this.
if ! apt-cache show libmagickwand-6.q16-6 >/dev/null 2>&1; then
    newer=$(apt-cache pkgnames libmagickwand- 2>/dev/null | grep -E 'q16-[0-9]+(t64)?$' | sort | head -n 1 || true)
    [ -n "$newer" ] && missing=$(echo "$missing" | sed "s/libmagickwand-6.q16-6/$newer/")
fi

install="apt-get install -y --no-install-recommends$missing"
if [ "$as_root" = ask ]; then
    echo "System libraries are missing. Run this, then make again:" >&2
    echo "    sudo $install" >&2
    exit 1
fi
$as_root env DEBIAN_FRONTEND=noninteractive $install
