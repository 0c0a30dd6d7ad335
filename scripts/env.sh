# Sourced by the scripts beside it: makes the virtual environments that they need, and changes nothing else.
# Before sourcing, the script has gone to the root of the repository.

export PIP_DISABLE_PIP_VERSION_CHECK=1
# A virtual environment or module path of the caller must not leak into ours.
unset PYTHONPATH PYTHONHOME

# How many workers `pytest -n auto` starts: two more than there are processors, for tests also wait, for time and for processes.
processors=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
export PYTEST_XDIST_AUTO_NUM_WORKERS="${PYTEST_XDIST_AUTO_NUM_WORKERS:-$((processors + 2))}"

# usage WORD: where WORD asks for help, print the head of the script that runs, and end.
usage() {
  case $1 in
    -h | --help) ;;
    *) return 0 ;;
  esac
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
  exit 0
}

# no_arguments WORD...: end with usage where a script that takes no arguments was given some.
no_arguments() {
  [ $# -eq 0 ] || usage "$1"
  [ $# -eq 0 ] || { echo "$0 takes no arguments; it was given: $*" >&2; exit 2; }
}

# Print the Python in `chosen`, or the first that is new enough. It is run, not only found: some version managers put commands on the PATH
# that only say that they cannot run.
find_python() {
  for candidate in ${chosen:-python3.11 python3.12 python3.13 python3.14 python3}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      command -v "$candidate"
      return 0
    fi
  done
  echo "Python 3.11 or newer is needed, and none was found on the PATH." >&2
  return 1
}

# make_venv PYTHON DIR: an empty virtual environment with pip.
make_venv() {
  rm -rf "$2"
  if "$1" -m venv "$2" >/dev/null 2>&1; then
    return 0
  fi
  # Debian and Ubuntu keep the venv module in a package of its own.
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "This Python cannot make virtual environments; installing python3-venv." >&2
    apt-get update >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y python3-venv >/dev/null
    rm -rf "$2"
  fi
  # Once more and aloud: what is still wrong now, the reader must see.
  "$1" -m venv "$2" || {
    echo "No virtual environment could be made with $1. On Debian or Ubuntu: apt-get install python3-venv" >&2
    return 1
  }
}

# fingerprint PYTHON PATH...: one line that changes with the files below these paths, the Python, or our place on disk.
fingerprint() {
  "$1" - "$@" <<'PY'
import hashlib, os, sys
digest = hashlib.sha256(f"{sys.version} {sys.executable} {os.getcwd()}".encode())
for top in sys.argv[2:]:
    found = [top] if os.path.isfile(top) else [
        os.path.join(place, name) for place, _, names in os.walk(top) if "__pycache__" not in place for name in names
    ]
    for path in sorted(found):
        with open(path, "rb") as file:
            digest.update(f"{path} {hashlib.sha256(file.read()).hexdigest()}\n".encode())
print(digest.hexdigest())
PY
}

# prepare DIR WHAT PATH...: a virtual environment in DIR with `pip install WHAT`, made anew only when a PATH changed.
# WHAT is split into words.
prepare() {
  place=$1
  what=$2
  shift 2
  python=$(find_python)
  wanted=$(fingerprint "$python" "$@")
  if [ -x "$place/bin/python" ] && [ "$(cat "$place/.ready" 2>/dev/null)" = "$wanted" ]; then
    return 0
  fi
  echo "Setting up $place with $python …" >&2
  make_venv "$python" "$place"
  # shellcheck disable=SC2086
  "$place/bin/python" -m pip install --quiet $what >&2
  # Written last: a set-up that was interrupted is done again.
  echo "$wanted" >"$place/.ready"
}

# Let TMPDIR be a folder in memory, unless the caller has named one, there is no room, or programs cannot be run from it. A third of
# a run is waiting for syncs else, and no test needs a real disk: kill -9 takes no page from a kernel, and power cuts are played.
work_in_memory() {
  memory=
  if [ -n "${TMPDIR:-}" ] || [ ! -w /dev/shm ] || [ "$(df -Pk /dev/shm | awk 'NR == 2 { print $4 }')" -lt 8000000 ]; then
    return 0
  fi
  memory=$(mktemp -d /dev/shm/sos.XXXX)
  trap 'rm -rf "$memory"' EXIT
  trap 'exit 130' INT TERM
  printf '#!/bin/sh\n' >"$memory/try" && chmod +x "$memory/try"
  if "$memory/try" 2>/dev/null; then
    export TMPDIR="$memory"
  fi
}

# After a failure: what the tests made is looked into afterwards, and goes with the next start of the machine.
say_what_is_kept() {
  [ "${memory:-}" = "${TMPDIR:-}" ] || return 0
  [ -n "${memory:-}" ] || return 0
  trap - EXIT
  echo "What the tests made is kept in memory: rm -r $memory" >&2
}

# What some tests need beside Python. Without root they say loudly what they do not try.
install_tools() {
  lacking=
  command -v strace >/dev/null 2>&1 || lacking=strace
  for tool in busybox dash shellcheck tmux; do
    command -v "$tool" >/dev/null 2>&1 || lacking="$lacking $tool"
  done
  command -v cc >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 || command -v clang >/dev/null 2>&1 || lacking="$lacking gcc libc6-dev"
  command -v systemd-analyze >/dev/null 2>&1 || [ "$(uname)" != Linux ] || lacking="$lacking systemd"
  if [ -n "$lacking" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing $lacking for the tests." >&2
    # shellcheck disable=SC2086
    apt-get update >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y $lacking >/dev/null ||
      echo "$lacking could not be installed." >&2
  fi
}

# The sources as they stand, with the developers' tools. `venv` is where, if not in .venv.
prepare_dev() {
  prepare "${venv:-.venv}" "-e .[dev]" pyproject.toml
}

# A Redis 7 for the tests, where Debian has one. The package of its tools holds the server too, and starts no service.
prepare_servers() {
  if command -v redis-server >/dev/null 2>&1 || command -v redis-check-rdb >/dev/null 2>&1; then
    return 0
  fi
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing redis-tools, for the tests over Redis." >&2
    apt-get update >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y redis-tools >/dev/null
  else
    echo "There is no Redis server here, so its tests will not run. On Debian or Ubuntu: apt-get install redis-tools" >&2
  fi
}

# The package as a user installs it, without any tools.
prepare_plain() {
  prepare "$1" "." pyproject.toml README.md LICENSE src
}
