#!/bin/sh
# Makes .venv with everything that anodeflow needs, as root or as an ordinary user ("make setup").
# It may be interrupted: called again it goes on, and when nothing has changed it ends at once.
#   PYTHON=/path/to/python3   the Python to use (3.11 or newer); default: the first that works
set -eu
cd -P "$(dirname "$0")/.."
here=$PWD log=$PWD/.venv/setup.log stamp=.venv/setup.stamp
venv_python=.venv/bin/python

say() { printf 'setup: %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }
quietly() {  # quietly COMMAND...: its output goes to the log, which is shown when it fails
    printf '\n$ %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 </dev/null
}
must() {  # must "WHAT TO DO ABOUT IT" COMMAND...
    remedy=$1; shift
    quietly "$@" && return
    tail -n 25 "$log" >&2
    fail "'$*' failed: $remedy (full log: $log)."
}

# All that the result depends on, so that a new library or a new pin sets the work going again.
fingerprint() {
    { pwd; cat pyproject.toml constraints.txt scripts/setup.sh scripts/gpaw_siteconfig.py
      command -v g++ mpic++ mpiexec; ls /usr/include/xc.h /usr/lib/*/libopenblas.so /usr/lib/*/libscalapack*.so; } 2>/dev/null | cksum
}
[ "$(cat "$stamp" 2>/dev/null)" != "$(fingerprint)" ] || exit 0

# --- Python ----------------------------------------------------------------------------------------------------
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
python=
for candidate in ${PYTHON:-python3 python3.11 python3.12 python3.13}; do
    # A pyenv shim exists for every version and fails for those that are not selected: run it.
    if new_enough "$candidate"; then python=$candidate; break; fi
done
[ -n "$python" ] || fail "no Python 3.11 or newer found (tried ${PYTHON:-python3 python3.11 python3.12 python3.13}):" \
    "install one, or name it with PYTHON=/path/to/python3."
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
headers() { test -f "$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h"; }

# A folder copied or moved, an interrupted venv, or one whose Python has gone: begin again.
case $(.venv/bin/pip --version 2>/dev/null) in *" $here/.venv/"*) ;; *) rm -rf .venv ;; esac
mkdir -p .venv
say "Python $version ($(command -v "$python")); full log in .venv/setup.log"

# --- Debian packages -------------------------------------------------------------------------------------------
as_root() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }
fresh=
apt_install() {  # apt_install "WHAT FAILS WITHOUT THEM" PACKAGE...: those that are missing
    without=$1; shift
    as_root || return 0
    for package in "$@"; do
        shift
        dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok' || set -- "$@" "$package"
    done
    [ $# -gt 0 ] || return 0
    say "apt-get install $*"
    export DEBIAN_FRONTEND=noninteractive
    [ -n "$fresh" ] || ! quietly apt-get update || fresh=yes
    quietly apt-get install -y --no-install-recommends "$@" || say "apt-get failed (see the log): $without"
}
case $("$python" -c 'import sys; print(sys.base_prefix)') in
    /usr) of_python="python$version-venv python$version-dev" ;;
    *) of_python= ;;
esac
# shellcheck disable=SC2086  # one word a package
apt_install "going on with what is here" \
    g++ libxc-dev libopenblas-dev libscalapack-openmpi-dev libopenmpi-dev openmpi-bin $of_python
# For the tests that need them, which are skipped without: a Slurm of its own, and the other DFT codes (a quarter of a minute).
apt_install "tests on a Slurm cluster will be skipped" slurmctld slurmd slurm-client munge
apt_install "tests of the backend cp2k will be skipped" cp2k cp2k-data
apt_install "tests of the backend espresso will be skipped" quantum-espresso quantum-espresso-data

# An ordinary user cannot install a Debian package, but can download and unpack one.
unpack() {  # unpack PACKAGE: its files below .venv/debian
    mkdir -p .venv/debian/lists/partial .venv/debian/cache
    set -- "$1" -o "Dir::State::Lists=$here/.venv/debian/lists" -o "Dir::Cache=$here/.venv/debian/cache"
    name=$1; shift
    quietly apt-get "$@" update && ( cd .venv/debian && quietly apt-get "$@" download "$name" ) &&
        quietly sh -c 'for file in .venv/debian/*.deb; do dpkg -x "$file" .venv/debian; done'
}

command -v g++ >/dev/null || command -v clang++ >/dev/null || command -v c++ >/dev/null ||
    fail "no C++ compiler found: install one (Debian, Ubuntu: apt install g++), GPAW is compiled with it."
if ! headers && ! [ -f ".venv/debian/usr/include/python$version/Python.h" ]; then
    say "fetching the headers of Python $version"
    unpack "libpython$version-dev" || fail "Python $version has no headers (Python.h):" \
        "install them (Debian, Ubuntu: apt install python$version-dev), or name another Python with PYTHON=..."
fi
if [ -d .venv/debian/usr/include ]; then
    export CPATH="$here/.venv/debian/usr/include/python$version:$here/.venv/debian/usr/include"
fi

# --- the virtual environment -----------------------------------------------------------------------------------
make_venv() {
    quietly "$python" -m venv .venv && return
    # Debian's python3 without python3-venv has no ensurepip: take pip from where there is one.
    quietly "$python" -m venv --without-pip .venv || return
    quietly "$python" -m pip --python $venv_python install pip && return
    unpack python3-pip-whl &&
        quietly sh -c "PYTHONPATH=\$(echo .venv/debian/usr/share/python-wheels/pip-*.whl) $venv_python -m pip install pip"
}
if [ ! -x .venv/bin/pip ]; then
    make_venv || { tail -n 25 "$log" >&2; fail "$python cannot make a virtual environment:" \
        "install its venv module (Debian, Ubuntu: apt install python$version-venv)."; }
fi

# --- Python packages -------------------------------------------------------------------------------------------
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_PROGRESS_BAR=off UV_NO_PROGRESS=1
export UV_SYSTEM_CERTS=1  # trust what the machine trusts, as pip does
if ! mkdir -p "${UV_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/uv}" 2>/dev/null; then
    export UV_CACHE_DIR="$here/.venv/cache"
fi
network="check the network connection and the disk, then run it again"
install() { must "$network" .venv/bin/uv pip install --python $venv_python \
    --constraint constraints.txt --build-constraint constraints.txt "$@"; }

must "$network" .venv/bin/pip install --constraint constraints.txt uv
# torch first: on its own account uv would take the build with several GB of CUDA; it keeps one that is there. Its
# CPU builds have an index of their own; where that is out of reach, pip may know a local file, or takes what there is.
say "installing torch"
quietly .venv/bin/uv pip install --python $venv_python --constraint constraints.txt --torch-backend cpu torch ||
    must "$network" .venv/bin/pip install --constraint constraints.txt torch
say "installing what GPAW is compiled with"
install numpy setuptools pybind11

# --- GPAW ------------------------------------------------------------------------------------------------------
# A wheel from a cache may have been compiled for other libraries: compile here, and again when they change.
built=.venv/gpaw.config
config=$($venv_python -c 'if True:
    import runpy
    found = runpy.run_path("scripts/gpaw_siteconfig.py")
    print(found["compiler"], *found["libraries"])')
config="$config, $(grep '^gpaw==' constraints.txt)"
if [ "$config" != "$(cat $built 2>/dev/null)" ] || ! quietly $venv_python -c 'import _gpaw'; then
    say "compiling GPAW with $config (a minute or two)"
    GPAW_CONFIG=$here/scripts/gpaw_siteconfig.py must "see the compiler's message above" \
        .venv/bin/pip install --constraint constraints.txt --force-reinstall --no-deps \
        --no-build-isolation --no-cache-dir --no-binary gpaw gpaw
    printf '%s\n' "$config" >$built
fi

say "installing anodeflow and the rest"
install --editable '.[dev]'
# Tests compare charges with it. It asks for an older pymatgen than it needs (src/anodeflow/core/install.py).
install --no-deps baderkit

must "remove .venv and run it again" $venv_python -c 'import anodeflow, torch'
$venv_python -c 'if True:
    import gpaw, gpaw.cgpaw as extension
    xc = gpaw.get_libraries()["libxc"] or "no (its own PBE serves)"
    blas = "yes" if hasattr(extension, "mmm") else "no (that of scipy serves)"
    mpi = "yes, with ScaLAPACK" if extension.have_mpi else "no (GPAW runs on one core)"
    print(f"setup: GPAW {gpaw.__version__} has libxc: {xc}; BLAS: {blas}; MPI: {mpi}")' ||
    fail "GPAW does not import: remove .venv and run it again."
fingerprint >"$stamp"
say "done: .venv/bin/anodeflow is ready"
