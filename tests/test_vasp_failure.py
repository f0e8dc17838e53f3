"""What is told of a run of VASP that failed: its own words, and never the advice it gives sound runs, too."""

from pathlib import Path

import pytest

from anodeflow.backends.vasp.failure import complaint

_RULE = " " + "-" * 77
_WARNING = [
    "W    W    AA    RRRRR   N    N  II  N    N   GGGG   !!!",
    "WW  WW  A    A  R   R   N   NN  II  N   NN  G    G",
]
_ERROR = [
    "EEEEEEE  RRRRRR   RRRRRR   OOOOOOO  RRRRRR      ###     ###     ###",
    "E        R     R  R     R  O     O  R     R",
]
_BYE = "  ---->  I REFUSE TO CONTINUE WITH THIS SICK JOB ... BYE!!! <----"


def box(*lines: str) -> str:
    """Return lines as VASP frames them."""
    return "\n".join([_RULE, *(f"|     {line:<72}|" for line in ("", *lines, "")), _RULE])


WARNING = box(
    *_WARNING, "", "For optimal performance we recommend to set", "  NCORE= 4 - approx SQRT( number of cores)"
)
ADVICE = box("  ----> ADVICE to this user running VASP <----", "", "Therefore, try LREAL= Auto in the INCAR file.")


HNFORM = box(*_ERROR, "", "HNFORM: k-point generating vectors and reciprocal lattice are", "incommensurate.", "", _BYE)
MESH = "VERY BAD NEWS! internal error in subroutine IBZKPT:"
BUG = box(
    "internal error in: rot.F  at line: 793",
    "If you are not a developer, submit a bug report.",
)
ZBRENT = "ZBRENT: fatal error in bracketing"
LAPACK = "LAPACK: Routine ZPOTRF failed!"


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        (f"{WARNING}\n{ADVICE}\n DAV:   1    -0.1\n", ""),
        (f"{WARNING}\n{ADVICE}\n BRMIX: very serious problems\n the old and the new", "BRMIX: very serious problems"),
        (f"{ADVICE}\n{HNFORM}\n", "HNFORM: k-point generating vectors and reciprocal lattice are incommensurate"),
        (f"{WARNING}\n {MESH}\n unable to match k-point!\n", f"{MESH} unable to match k-point!"),
        (f" WARNING in EDDRMM: call to ZHEGV failed, returncode = 8\n {LAPACK}\n", LAPACK),
        (" Error EDDDAV: Call to ZHEGV failed\n DAV: 2\n ZBRENT: fatal error in bracketing\n", ZBRENT),
        (
            f"{WARNING}\n{BUG}\n",
            "internal error in: rot.F at line: 793 If you are not a developer, submit a bug report",
        ),
        (" WARNING: Sub-Space-Matrix is not hermitian in DAV\n", ""),
    ],
    ids=["advice", "known to custodian", "its box", "two lines", "no warning", "the last one", "a bug", "a warning"],
)
def test_what_went_wrong_is_told(printed: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "vasp.out").write_text(printed)
    assert complaint(tmp_path) == told


def test_what_goes_wrong_around_vasp_is_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "vasp.out").write_text(" BRMIX: very serious problems\n")
    (tmp_path / "std_err.txt").write_text("PMIX ERROR: ERROR in file gds_ds12_lock_pthread.c\n")
    assert complaint(tmp_path) == "BRMIX: very serious problems"
