#!/bin/sh
# Installs the system libraries that LIBERO-Plus needs: a headless OpenGL, ImageMagick for motion blur, and what
# compiles the one dependency without a wheel (evdev). Where apt may not be used, prints the line to run.
# Then tries to install what the bimanual benchmark draws with, a Vulkan driver; without one only its pictures lack.
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

# SAPIEN draws with a card's driver, or with lavapipe from Mesa 23 on: Debian 12 has 22.3, its backports 25.0.
vulkan_ready() {
    have_library 'libvulkan\.so\.1' || return 1
    ls /usr/share/vulkan/icd.d/nvidia_icd*.json /etc/vulkan/icd.d/nvidia_icd*.json 2>/dev/null | grep -q . && return 0
    version=$(dpkg-query -W -f '${Version}' mesa-vulkan-drivers 2>/dev/null) || return 1
    dpkg --compare-versions "$version" ge 23
}
vulkan=wanted
vulkan_ready && vulkan=there
[ -z "$missing" ] && [ $vulkan = there ] && exit 0

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

# Backports are asked through a list of their own: the machine's sources stay as they are.
install_vulkan() {
    if ! grep -q 'VERSION_CODENAME=bookworm' /etc/os-release; then
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libvulkan1 mesa-vulkan-drivers
        return
    fi
    lists=$(mktemp -d)
    chmod 755 "$lists"
    mkdir -p "$lists/lists/partial"
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Created-By: Packages' | head -n 1)
    for suite in bookworm bookworm-backports; do
        echo "deb $mirror $suite main" >>"$lists/sources.list"
    done
    apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -o Dir::Etc::sourcelist=$lists/sources.list"
    apt="$apt -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=$lists/lists"
    # With -t apt would upgrade the OpenGL that LIBERO is drawn with, too.
    $apt update -qq && $apt install -y -qq --no-install-recommends libvulkan1 mesa-vulkan-drivers/bookworm-backports
}
if [ $vulkan = wanted ] && [ "$as_root" != ask ]; then
    install_vulkan || echo "No Vulkan driver could be installed; the bimanual benchmark will say what to run." >&2
fi
[ -z "$missing" ] && exit 0

install="apt-get install -y --no-install-recommends$missing"
if [ "$as_root" = ask ]; then
    echo "System libraries are missing. Run this, then make again:" >&2
    echo "    sudo $install" >&2
    exit 1
fi
$as_root env DEBIAN_FRONTEND=noninteractive $install
