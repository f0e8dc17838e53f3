"""How GPAW is compiled here; GPAW's setup.py executes this file when GPAW_CONFIG names it.

Each library counts only if a program that needs it compiles, links and runs: its headers or its linker name may
be missing although the library is there. Without BLAS there is no MPI either: GPAW's band parallelisation then
stops at an assertion about BLACS. Without libxc GPAW uses its own PBE, without BLAS that of scipy.
"""

import os
import shutil
import subprocess
import tempfile


def runs(compiler, program, *flags):
    """Tell whether the C++ `program` compiles with `compiler` and `flags`, and whether it runs."""
    with tempfile.TemporaryDirectory() as folder:
        source, binary = os.path.join(folder, "probe.cpp"), os.path.join(folder, "probe")
        with open(source, "w") as file:
            file.write(program)
        try:
            for command in ([compiler, source, "-o", binary, *flags], [binary]):
                subprocess.run(command, check=True, capture_output=True, timeout=120)
        except (OSError, subprocess.SubprocessError):
            return False
    return True


BLAS = 'extern "C" double dnrm2_(int*, double*, int*);' + (
    "int main() { int n = 2, one = 1; double v[2] = {3, 4}; return dnrm2_(&n, v, &one) != 5; }"
)
LIBXC = '#include "xc.h"\n int main() { int v[3]; xc_version(v, v + 1, v + 2); return v[0] != XC_MAJOR_VERSION; }'
MPI = '#include "mpi.h"\n int main(int n, char** v) { return MPI_Init(&n, &v) || MPI_Finalize(); }'

compiler = next((name for name in ("g++", "clang++", "c++") if shutil.which(name)), "g++")
blas = next((name for name in ("openblas", "blas") if runs(compiler, BLAS, f"-l{name}")), None)
xc = "xc" if runs(compiler, LIBXC, "-lxc") else None
mpi = bool(blas and shutil.which("mpiexec") and runs("mpic++", MPI))

libraries = [name for name in (blas, xc) if name]
noblas, nolibxc = blas is None, xc is None
if mpi:
    compiler = "mpic++"
