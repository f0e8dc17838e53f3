"""Writes the report of a campaign: one HTML page that needs no other file, its figures, and its tables as CSV."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import anodeflow
from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.errors import InputError
from anodeflow.core.install import install_command
from anodeflow.core.whole import whole
from anodeflow.report import comparison, provenance
from anodeflow.report.context import Context, base_studies, part_name, part_title
from anodeflow.report.drawing import drawn, first_figure, limited
from anodeflow.report.figures import with_pdfs
from anodeflow.report.page import Column, Part, Picture, Section, Table
from anodeflow.report.pages import divided
from anodeflow.report.paper_table import PaperTable, paper_tables
from anodeflow.report.reference import Reference, shipped_references
from anodeflow.report.rendering import rendered
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.registry import studies


def sections(documents: list[StudyDoc], context: Context) -> list[Section]:
    """Return one section for every kind of study among `documents`: its own, or tables of their rows."""
    found = []
    for study in studies().values():
        # Variants stand in the section on convergence only.
        mine = [each for each in documents if isinstance(each, study.Document) and not each.variant]
        section = study.section(mine, context) if mine else None
        if section is not None:
            found.append(section)
        elif mine:
            found.append(_section_of_rows(study.name, study.summary, mine))
    return found


def _section_of_rows(study: str, summary: str, documents: Sequence[StudyDoc]) -> Section:
    """Return the section of a study that draws none: the main table leads to its documents all the same."""
    columns = [
        Column("property", "property"),
        Column("label", "where"),
        Column("value", "value", decimals=3),
        Column("unit", "unit"),
        Column("calculations", "rests on"),
    ]
    parts = []
    for each in documents:
        rows = [
            row.model_dump(include={"property", "label", "value", "unit"})
            | {"calculations": comparison.step_links(each, row.calculation_ids)}
            for row in each.rows()
        ]
        table = Table(f"{study}-{part_name(each)}", columns, rows)
        parts.append(Part(f"study-{each.document_id}", part_title(each, each.system), f"{each.code}.", [table]))
    return Section(study.replace("_", " ").capitalize(), [], summary, parts)


def write_report(
    campaign: str,
    documents: list[StudyDoc],
    calculations: dict[str, CalculationDoc],
    output: Path,
    reference: Reference | None = None,
    tell: Callable[[str], None] = lambda words: None,
    pictures: int | None = None,
    short: bool = False,
    narrowed: str = "",
    pdf: bool = False,
) -> Path:
    """Write the report of one campaign.

    Parameters
    ----------
    campaign
        Name of the campaign.
    documents
        All its study documents; several settings may be among them, each is shown and labelled.
    calculations
        Id -> calculation, for every calculation that the documents rest on.
    output
        Folder to write to: ``index.html``, ``figures/`` (PNG and SVG) and ``tables/`` (CSV). The page alone is
        complete; the other two hold its figures and tables for papers and talks. Of more studies than
        :data:`anodeflow.report.pages.MANY` there is a page for each system in ``systems/``, to which it leads.
    reference
        Publication whose values stand beside ours; None: the one that the campaign names, if it names one.
    tell
        Called with a few words before each study is drawn.
    pictures
        Studies a section whose pictures are drawn; None: see :func:`anodeflow.report.drawing.limited`.
    short
        Whether the page holds the summary, its figure, the results and the warnings only.
    narrowed
        Which part of the campaign is shown, in words; empty: the whole.
    pdf
        Whether each figure is also written as a PDF of one column's width and of two, NAME-1column.pdf.

    Returns
    -------
    pathlib.Path
        Path of ``index.html``.

    Raises
    ------
    InputError
        If the campaign has no results, `output` cannot be written, or matplotlib or jinja2 is missing.
    """
    if not documents:
        raise InputError(
            f"campaign {campaign!r} has no finished study: run it first (anodeflow status says how far it is)."
        )
    _require("jinja2", "matplotlib", "plotly", "skimage")
    references = [reference] if reference else _references(documents)
    context = Context.of(documents, references, tell)
    asked = base_studies(documents)
    main = comparison.main_table(asked, references, context.errors, context.error_text)
    papers = paper_tables(asked, context)
    found = sections(documents, context)
    gists = [{"title": s.title, "gist": s.gist, "number": 0 if short else n} for n, s in enumerate(found, start=1)]
    with _writing(output), with_pdfs(pdf):
        for folder in (output / "figures", output / "tables"):
            folder.mkdir(parents=True, exist_ok=True)
        if short:
            figure, parts = first_figure(found, output / "figures"), []
        else:
            parts = drawn(limited(found, pictures), output / "figures", tell)
            figure, parts = _taken_out(parts)
    settings = [] if short else provenance.settings_tables(asked or documents)
    steps = [] if short else [provenance.calculations_table(documents, calculations)]
    tables: list[Table | PaperTable] = [
        *papers,
        main,
        *(t for s in parts for t in s.tables),
        *(t for s in parts for p in s.parts for t in p.tables),
        *settings,
        *steps,
    ]
    figures = [
        *([figure] if figure else []),
        *(f for s in parts for f in s.pictures),
        *(f for s in parts for p in s.parts for f in p.pictures + p.gallery),
    ]
    tell("the page")
    page = {
        "campaign": campaign,
        "back": "",
        "paged": False,
        "short": short,
        "pdf": pdf,
        "narrowed": narrowed,
        "gists": gists,
        "figure": figure,
        "sections": parts,
        "results": main,
        "papers": papers,
        "references": _used(asked, references),
        "notes": comparison.notes(asked, references),
        "warnings": provenance.warnings(documents, calculations),
        "settings": settings,
        "settings_anchors": [] if short else sorted({d.settings_hash for d in documents}),
        "calculations": steps[0] if steps else None,
        "tables": tables,
        "pictures": figures,
        "version": anodeflow.__version__,
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
    index = output / "index.html"
    with _writing(output):
        for table in tables:
            with whole(output / "tables" / f"{table.name}.csv") as draft:
                draft.write_text(table.csv(), encoding="utf-8")
        for name, content, linked in divided(page, documents):
            (output / name).parent.mkdir(exist_ok=True)
            with whole(output / name) as draft, draft.open("w", encoding="utf-8") as stream:
                stream.writelines(rendered(content, linked))
    return index


def _taken_out(parts: list[Section]) -> tuple[Picture | None, list[Section]]:
    """Take the first figure of the sections out of its place, for the summary: the page holds every figure once."""
    for number, section in enumerate(parts):
        if section.pictures:
            left = replace(section, pictures=section.pictures[1:])
            return section.pictures[0], [*parts[:number], left, *parts[number + 1 :]]
    for number, section in enumerate(parts):
        for place, part in enumerate(section.parts):
            if part.pictures:
                rest = [*section.parts]
                rest[place] = replace(part, pictures=part.pictures[1:])
                return part.pictures[0], [*parts[:number], replace(section, parts=rest), *parts[number + 1 :]]
    return None, parts


def _require(*packages: str) -> None:
    for package in packages:
        try:
            import_module(package)
        except ImportError as error:
            raise InputError(f"reports need {package}: {install_command('report')}.") from error


def _references(documents: list[StudyDoc]) -> list[Reference]:
    """The papers that the campaign names and anodeflow has values of."""
    named = {document.reference for document in documents if document.reference}
    return [shipped for shipped in shipped_references() if shipped.doi in named]


def _used(documents: list[StudyDoc], references: list[Reference]) -> list[Reference]:
    """The references that say something of these documents."""
    found = [comparison.published(references, d, row.property) for d in documents for row in d.rows()]
    dois = {paper.reference.doi for paper in found if paper}
    return [reference for reference in references if reference.doi in dois]


@contextmanager
def _writing(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot write the report to {output} ({error.strerror}): give another folder with -o."
        ) from error
