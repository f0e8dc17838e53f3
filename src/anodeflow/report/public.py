"""Write a report from Python."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.errors import InputError
from anodeflow.studies.document import StudyDoc


class Documented(Protocol):
    """What a report can be made of: :class:`anodeflow.Results`, for one."""

    documents: list[StudyDoc]
    calculations: dict[str, CalculationDoc]


def report(of: str | Documented, output: str | Path = "report", reference: str | None = None) -> Path:
    """Write the report of a campaign: index.html, figures and tables.

    Parameters
    ----------
    of
        Name of a campaign in the database, or the :class:`anodeflow.Results` of one.
    output
        Folder to write to.
    reference
        DOI or reference file of a publication to compare with; None: those that name the systems.

    Returns
    -------
    pathlib.Path
        Path of ``index.html``.

    Raises
    ------
    InputError
        If there are no results, those of several campaigns, or a package that draws is missing.

    Examples
    --------
    >>> report(load_results("docs/results/surfaces.json.gz"), "report")  # doctest: +SKIP
    """
    documents, calculations = _of_campaign(of) if isinstance(of, str) else (of.documents, of.calculations)
    names = sorted({each.campaign for each in documents})
    if not names:
        where = f"campaign {of!r}" if isinstance(of, str) else "what is to be reported"
        raise InputError(f"{where} has no finished study: run a campaign first, or load the results of one.")
    if len(names) > 1:
        raise InputError(
            f"a report is of one campaign, and these results are of {', '.join(names)}: take select(campaign=...)."
        )
    from anodeflow.report.build import write_report
    from anodeflow.report.reference import load_reference

    chosen = load_reference(reference) if reference else None
    return write_report(names[0], list(documents), dict(calculations), Path(output).expanduser(), chosen)


def _of_campaign(name: str) -> tuple[Sequence[StudyDoc], Mapping[str, CalculationDoc]]:
    from anodeflow.database.query import calculation_documents, study_documents

    documents = study_documents(name)
    return documents, calculation_documents(number for each in documents for number in each.calculation_ids.values())
