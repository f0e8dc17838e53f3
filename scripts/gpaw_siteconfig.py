"""How GPAW is compiled here; GPAW's setup.py executes this file when GPAW_CONFIG names it.

A library counts only if a program that needs it compiles, links and runs: its headers or its linker name may be
missing although the library is there. MPI comes with BLAS and ScaLAPACK or not at all: with more ranks than
k-points GPAW divides bands or space among them, and without ScaLAPACK it then stops at an assertion. Without libxc
GPAW uses its own PBE, without BLAS that of scipy, at about the same speed.
"""

import os
import shutil
import subprocess
import tempfile


def runs(compiler, program, *libraries):
    """Tell whether the C++ `program` compiles with `compiler`, links with `libraries`, and runs."""
    with tempfile.TemporaryDirectory() as folder:
        source, binary = os.path.join(folder, "probe.cpp"), os.path.join(folder, "probe")
        with open(source, "w") as file:
            file.write(program)
        link = [f"-l{library}" for library in libraries]
        try:
            for command in ([compiler, source, "-o", binary, *link], [binary]):
                subprocess.run(command, check=True, capture_output=True, timeout=120)
        except (OSError, subprocess.SubprocessError):
            return False
    return True


BLAS = """extern "C" double dnrm2_(int*, double*, int*);
int main() { int n = 2, one = 1; double v[2] = {3, 4}; return dnrm2_(&n, v, &one) != 5; }"""
LIBXC = """#include "xc.h"
int main() { int v[3]; xc_version(v, v + 1, v + 2); return v[0] != XC_MAJOR_VERSION; }"""
SCALAPACK = """#include "mpi.h"
extern "C" void Cblacs_pinfo(int*, int*); extern "C" void pdsyevd_();
int main(int n, char** v) { int i, size; MPI_Init(&n, &v); Cblacs_pinfo(&i, &size); if (n > 99) pdsyevd_();
return MPI_Finalize() || size != 1; }"""


def first(compiler, program, *choices):
    """Return the first choice of libraries with which the program runs; none: an empty tuple."""
    return next((choice for choice in choices if runs(compiler, program, *choice)), ())


compiler = next((name for name in ("g++", "clang++", "c++") if shutil.which(name)), "g++")
blas = first(compiler, BLAS, ("openblas",), ("blas",))
libxc = first(compiler, LIBXC, ("xc",))
sl = ()
if blas and shutil.which("mpiexec"):
    sl = first(
        "mpic++",
        SCALAPACK,
        *((name, *blas) for name in ("scalapack-openmpi", "scalapack-mpich", "scalapack")),
    )
mpi = scalapack = bool(sl)
if mpi:
    compiler = "mpic++"
libraries = [*(sl or blas), *libxc]
noblas, nolibxc = not blas, not libxc
