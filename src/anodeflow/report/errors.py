"""What a report says of the error of a number: how large, what it covers, or why there is none."""

from anodeflow.report.comparison import is_row
from anodeflow.report.page import number, scientific
from anodeflow.studies.convergence.document import ConvergenceDoc
from anodeflow.studies.rows import ResultRow

NOT_VARIED = "not varied"
USUAL = ("layers", "min_width", "vacuum", "kpoint_spacing", "cutoff", "smearing_width")
"""Parameters that documents made before they named what was not varied may lack."""
_WORDS = {
    "min_width": "width",
    "kpoint_spacing": "k-points",
    "smearing_width": "smearing",
}


def parameter_words(names: list[str]) -> str:
    """Return parameters as people call them, with commas: layers, width, k-points."""
    return ", ".join(_WORDS.get(name, name.replace("_", " ")) for name in names)


def not_varied(test: ConvergenceDoc) -> list[str]:
    """Return the parameters of which a convergence test says nothing."""
    if test.not_varied is not None:
        return test.not_varied
    return [name for name in USUAL if name not in {series.parameter for series in test.series}]


def covered(test: ConvergenceDoc | None, row: ResultRow) -> str:
    """Return what was varied for the error of a row: layers, k-points varied; or why it has none, or `not varied`."""
    name = _name(test, row)
    if test is None or name is None:
        return NOT_VARIED
    if name in test.without_error:
        return f"no ±: {test.without_error[name]}"
    names = test.varied(name)
    apart = " one at a time" if test.joint is None and len(names) > 1 else ""
    return f"{parameter_words(names)} varied{apart}"


def error_text(test: ConvergenceDoc | None, row: ResultRow) -> str:
    """Return the error of a row: ± 0.029 (layers, k-points varied); or what :func:`covered` says."""
    words, name = covered(test, row), _name(test, row)
    if test is None or name not in test.remaining_errors:
        return words
    error = abs(test.remaining_errors[name])
    return f"± {scientific(error) if row.unit == 'cm²/s' else number(error, 3)} ({words})"


def _name(test: ConvergenceDoc | None, row: ResultRow) -> str | None:
    """Return what a convergence test calls a row, if it says anything of it."""
    known = [] if test is None else [*test.remaining_errors, *test.without_error]
    return next((name for name in known if is_row(row, name)), None)
