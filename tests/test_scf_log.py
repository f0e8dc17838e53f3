"""The SCF of a running code, read from its log."""

import pytest
from ase.units import Hartree, Rydberg

from anodeflow.backends.scf_log import last_scf

GPAW = """
|iter:   1| 11:29:43 |   -6.540756 | -0.09 |       |  -6.540756 |
|iter:   2| 11:29:43 |   -6.531154c| -1.34 | -0.89 |  -6.531154 |
SCF iterations
|iter:   1| 11:30:43 |   -6.547194 | -1.89 |       |  -6.547194 |
|iter:   2| 11:30:44 |   -6.547201c| -2.34c| -1.89 |  -6.547201 |
"""
CP2K = """
  Step     Update method      Time    Convergence         Total energy    Change
  ------------------------------------------------------------------------------
     1 NoMix/Diag. 0.30E+00    0.4     0.49950255        -0.5357992465 -5.36E-01
     2 Broy./Diag. 0.30E+00    0.4     0.00223579        -0.5199425868  1.59E-02
"""
ESPRESSO = """
     iteration #  1     ecut=    49.98 Ry     beta= 0.70
     total energy              =     -29.84248327 Ry
     estimated scf accuracy    <       0.00081610 Ry
     iteration #  2     ecut=    49.98 Ry     beta= 0.70
!    total energy              =     -29.84249328 Ry
     iteration #  3     ecut=    49.98 Ry     beta= 0.70
"""
VASP = """
       N       E                     dE             d eps       ncg     rms          rms(c)
DAV:   1     0.112345678E+02    0.11235E+02   -0.51234E+02  1234   0.123E+02
DAV:   2    -0.212345678E+01   -0.13358E+02   -0.12345E+02  1400   0.234E+01    0.5E+00
   1 F= -.21234568E+01 E0= -.21234568E+01  d E =-.2E+01
RMM:   1    -0.212400000E+01   -0.13358E+02   -0.12345E+02  1400   0.234E+01
"""


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("gpaw.txt", GPAW, [(1, -6.547194), (2, -6.547201)]),
        ("cp2k.txt", CP2K, [(1, -0.5357992465 * Hartree), (2, -0.5199425868 * Hartree)]),
        ("espresso.txt", ESPRESSO, [(1, -29.84248327 * Rydberg), (2, -29.84249328 * Rydberg)]),
        ("run/OSZICAR", VASP, [(1, -2.124)]),
        ("gpaw.txt", "no iteration yet\n", []),
    ],
)
def test_the_last_scf_is_read(tmp_path, file, text, expected):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    found = last_scf(tmp_path)
    assert [number for number, _ in found] == [number for number, _ in expected]
    assert [energy for _, energy in found] == pytest.approx([energy for _, energy in expected])


def test_without_a_log_there_is_none(tmp_path):
    assert last_scf(tmp_path) == []
