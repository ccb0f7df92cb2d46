# Shared by the scripts that hold us against a real peer in an environment of its own; sourced with bash.
#   environment FOLDER PACKAGE…   makes FOLDER, or a temporary one that is removed, and installs into it
#   serve SCRIPT                  starts SCRIPT PORT in that environment, sets $port, and ends it on exit
server=
temporary=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$temporary" ] || rm -rf "$temporary"
}
trap finish EXIT

environment() {
    place=$1
    shift
    if [ -z "$place" ]; then
        place=$(mktemp -d)
        temporary=$place
    fi
    [ -x "$place/bin/pip" ] || .venv/bin/python -m venv "$place"
    [ $# = 0 ] && return
    echo "Installing into $place, which takes minutes: $*"
    "$place/bin/pip" install --quiet --disable-pip-version-check "$@"
}

serve() {
    port=$(.venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "$place/bin/python" "$1" "$port" &
    server=$!
}
