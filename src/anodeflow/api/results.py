"""Results in Python: of a file that was exported, or of the database."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anodeflow.api.table import tidy
from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.errors import InputError
from anodeflow.core.html import table
from anodeflow.core.words import counted
from anodeflow.studies.document import StudyDoc

if TYPE_CHECKING:
    from pandas import DataFrame

_SHOWN = 20
"""Documents that a notebook shows."""


class Results(Sequence[StudyDoc]):
    """Study documents with the calculations that they rest on.

    A sequence of documents: ``len(results)``, ``results[0]``, ``for document in results``.

    Attributes
    ----------
    documents : list of StudyDoc
        The oldest first.
    calculations : dict of str to CalculationDoc
        Id -> calculation.
    source : str
        Where they come from: a file, or the database.
    """

    def __init__(self, documents: list[StudyDoc], calculations: dict[str, CalculationDoc], source: str) -> None:
        self.documents, self.calculations, self.source = documents, calculations, source

    def __len__(self) -> int:
        return len(self.documents)

    def __iter__(self) -> Iterator[StudyDoc]:
        return iter(self.documents)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Results(self.documents[index], self.calculations, self.source)
        return self.documents[index]

    def __repr__(self) -> str:
        calculations = counted(len(self.calculations), "calculation")
        return f"<Results: {counted(len(self), 'study')}, {calculations} of {self.source}>"

    def _repr_html_(self) -> str:
        rows = [
            (each.campaign, each.system, each.study, each.headline(), each.backend, len(each.warnings) or "")
            for each in self.documents[:_SHOWN]
        ]
        more = [f"and {len(self) - _SHOWN} more: results.table() has them all."] if len(self) > _SHOWN else []
        return table(
            repr(self).strip("<>"), ("campaign", "system", "study", "answer", "backend", "warnings"), rows, more
        )

    def select(self, study: str | None = None, system: str | None = None, campaign: str | None = None) -> "Results":
        """Return the results of a study, a system, a campaign.

        Parameters
        ----------
        study, system, campaign
            Names; None: any.

        Raises
        ------
        InputError
            If nothing is left.
        """
        wanted = {"study": study, "system": system, "campaign": campaign}
        asked = {name: value for name, value in wanted.items() if value is not None}
        found = [each for each in self if all(getattr(each, name) == value for name, value in asked.items())]
        if not found:
            there = {name: ", ".join(sorted({getattr(each, name) for each in self})) for name in asked}
            words = "; ".join(f"{name} {asked[name]!r} (there is {names or 'none'})" for name, names in there.items())
            raise InputError(f"{self.source} has no result of {words}.")
        return Results(found, self.calculations, self.source)

    def table(self) -> "DataFrame":
        """Return one row per property, with what it is a number of: see :func:`anodeflow.api.table.tidy`."""
        return tidy(self.documents, self.calculations)

    def report(self, output: str | Path = "report", reference: str | None = None) -> Path:
        """Write the report of these results: see :func:`anodeflow.report`."""
        from anodeflow.report.public import report

        return report(self, output, reference)


def load_results(path: str | Path) -> Results:
    """Read a results file that ``anodeflow export`` wrote.

    Parameters
    ----------
    path
        The file, ``*.json.gz``.

    Raises
    ------
    InputError
        If it is no such file, damaged, or of a newer anodeflow.

    Examples
    --------
    >>> load_results("docs/results/surfaces.json.gz").table()  # doctest: +SKIP
    """
    from anodeflow.database.results_file import read_results

    return Results(*read_results(Path(path).expanduser()), source=str(path))


def results(campaign: str | None = None, edition: str | None = None) -> Results:
    """Return the results of a campaign from the database.

    Parameters
    ----------
    campaign
        Its name; None: all campaigns.
    edition
        Beginning of the hash of an edition, or `all`; None: of each campaign and backend the one that ran last.

    Raises
    ------
    InputError
        If the database holds no such campaign.
    DatabaseError
        If the database cannot be reached or read.
    """
    from anodeflow.database.query import calculation_documents, study_documents

    documents = study_documents(campaign, edition=edition)
    if campaign is not None and not documents:
        names = sorted({each.campaign for each in study_documents()})
        there = f"there are {', '.join(names)}" if names else "it is empty: Campaign.from_file(...).run() fills it"
        raise InputError(f"the database has no results of campaign {campaign!r}; {there}.")
    ids = {number for each in documents for number in each.calculation_ids.values()}
    return Results(documents, calculation_documents(ids), source="the database")
