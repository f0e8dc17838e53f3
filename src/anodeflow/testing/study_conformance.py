"""The suite that every study passes: subclass it in a test file, give a campaign that needs it, and run pytest.

class TestMyStudy(StudyConformance):
    study = "my_study"
    campaign = CAMPAIGN        # text of a campaign file that runs in seconds, with a cheap backend

A study whose code is not at hand here hands in documents instead: it overrides `documents`, and has `runs = False`.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import pytest
from monty.json import MontyDecoder, MontyEncoder
from pydantic import ValidationError

from anodeflow.calculations.document import CalculationDoc
from anodeflow.campaign.model import Campaign
from anodeflow.core.caveats import Caveat
from anodeflow.core.labels import Label
from anodeflow.database.query import calculation_documents, study_documents
from anodeflow.execution.local import run_campaign
from anodeflow.report.build import sections
from anodeflow.report.context import Context
from anodeflow.studies.base import KINDS, Study
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.plan import PlannedCalculation
from anodeflow.studies.registry import document_classes, studies

_MEASURED = re.compile("energy|barrier|charge|voltage|capacity|diffusivity|work")
"""Properties that always have a unit."""
_NAME = re.compile("[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass
class Run:
    """A campaign that was planned and run.

    Attributes
    ----------
    documents
        Documents of all of its studies.
    planned
        The calculations that were planned, by their labels.
    made
        Labels of the calculations that were made.
    calculations
        Id -> calculation, of those that the documents rest on.
    """

    documents: list[StudyDoc]
    planned: dict[str, PlannedCalculation]
    made: set[str]
    calculations: dict[str, CalculationDoc]


_RUNS: dict[str, Run] = {}


def run_once(text: str, folders: pytest.TempPathFactory) -> Run:
    """Return a campaign as it was planned and run; a text that several classes share is run once."""
    if text not in _RUNS:
        folder = folders.mktemp("conformance")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ANODEFLOW_HOME", str(folder / "home"))
            file = folder / "campaign.yaml"
            file.write_text(text, encoding="utf-8")
            campaign = Campaign.from_file(file)
            planned = dict(campaign.plan().calculations)
            report = run_campaign(campaign)
            assert report.succeeded, report.failures
            documents = study_documents(campaign.name)
            ids = {identifier for each in documents for identifier in each.calculation_ids.values()}
            calculations = calculation_documents(sorted(ids))
        files = (folder / "home" / "calculations").glob("*/*/calculation.json")
        made = {json.loads(each.read_text(encoding="utf-8"))["label"] for each in files}
        _RUNS[text] = Run(documents, planned, made, calculations)
    return _RUNS[text]


class StudyConformance:
    """What any study must do."""

    study: ClassVar[str]
    """Its name."""
    campaign: ClassVar[str] = ""
    """Text of a campaign file that asks for it."""
    runs: ClassVar[bool] = True
    """Whether the campaign can be run here."""

    @property
    def subject(self) -> Study[Any, Any]:
        """The study under test."""
        return studies()[self.study]

    def documents(self, folders: pytest.TempPathFactory) -> Sequence[StudyDoc]:
        """Return documents of the study, by default those of the campaign."""
        run = run_once(self.campaign, folders)
        return [each for each in run.documents if isinstance(each, self.subject.Document)]

    @pytest.fixture
    def found(self, tmp_path_factory: pytest.TempPathFactory) -> Sequence[StudyDoc]:
        """Documents of the study, one at least."""
        documents = self.documents(tmp_path_factory)
        assert documents, "there is no document"
        return documents

    def entries(self, folder: Path) -> list[Any]:
        """Return what the campaign tells the study, one an entry; `folder` is for its file."""
        file = folder / "campaign.yaml"
        file.write_text(self.campaign, encoding="utf-8")
        return Campaign.from_file(file)._world().inputs(self.study)

    def test_it_is_registered_under_its_name(self) -> None:
        study = self.subject
        assert study.name == self.study
        assert _NAME.fullmatch(study.name), "small letters and underscores, as keys of campaign files are"
        assert study.summary.endswith("."), "a summary is a few words and a full stop"
        assert study.subject in KINDS or _NAME.fullmatch(study.subject)
        module = import_module(study.Document.__module__)
        for name in (study.Document.__name__, *study.Document.former):
            assert document_classes()[name] is getattr(module, name) is study.Document, name
        assert study.Document.model_fields["study"].default == study.name
        assert study.starts_from is None or study.starts_from in studies()

    def test_its_document_says_what_its_fields_are(self) -> None:
        fields = self.subject.Document.model_fields
        silent = [name for name, each in fields.items() if not each.description and name != "study"]
        assert not silent, f"{silent} have no description: say what they are, and their unit"
        assert {name.partition(".")[0] for name in self.subject.Document.large} <= set(fields)

    def test_its_input_says_what_its_options_are(self) -> None:
        if self.subject.Input is None:
            pytest.skip("it has no options")
        fields = self.subject.Input.model_fields
        assert not [name for name, each in fields.items() if not each.description]
        assert self.subject.Input.choosing <= set(fields)
        required = [name for name in self.subject.Input.choosing if fields[name].is_required()]
        assert not required, f"{required} choose subjects, which jobs are not told: give them a default"

    def test_input_is_read_again_as_it_was_written(self, tmp_path: Path) -> None:
        kind = self.subject.Input
        if kind is None:
            pytest.skip("it has no options")
        told = self.entries(tmp_path)
        assert told, f"the campaign asks for no {self.study}"
        for each in told:
            assert isinstance(each, kind)
            assert kind.model_validate_json(each.model_dump_json()) == each
            assert kind.model_validate(each.model_dump(mode="json")) == each
            with pytest.raises(ValidationError):
                kind.model_validate({**each.model_dump(mode="json"), "no_such_option": 1})

    def test_plan_is_what_the_flow_computes(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        """All that the plan counts is made; what else is made belongs to steps of which a run finds how many."""
        if not self.runs:
            pytest.skip("its campaign is not run here")
        run = run_once(self.campaign, tmp_path_factory)
        counted = {label for label, each in run.planned.items() if each.number is not None}
        assert not counted - run.made, "the plan has what the flow does not compute"
        open_groups = {each.group for each in run.planned.values() if each.number is None}
        unforeseen = {label for label in run.made - counted if Label.read(label).system not in open_groups}
        assert not unforeseen, "the flow computes what the plan does not have"

    def test_document_survives_json(self, found: Sequence[StudyDoc]) -> None:
        for document in found:
            again = json.loads(json.dumps(document, cls=MontyEncoder), cls=MontyDecoder)
            assert type(again) is type(document)
            assert again == document
            assert type(document).model_validate(document.model_dump()) == document
            assert all(isinstance(warning, Caveat) for warning in document.warnings)
            assert all(warning.code for warning in document.warnings), "every warning has a code"

    def test_rows_have_units_and_rest_on_calculations(self, found: Sequence[StudyDoc]) -> None:
        for document in found:
            rows = document.rows()
            assert rows, "a document without a number answers nothing"
            for row in rows:
                assert _NAME.fullmatch(row.property), row.property
                assert math.isfinite(row.value)
                assert row.unit.strip() == row.unit
                assert row.unit or not _MEASURED.search(row.property), f"{row.property} has no unit"
                assert row.calculation_ids, f"{row.property} rests on no calculation"
                assert set(row.calculation_ids) <= set(document.calculation_ids.values())
                assert (row.study, row.system) == (document.study, document.system)
                assert len(row.warnings) == len(row.warning_codes) == len(document.warnings)
            several = Counter((row.property, row.label, row.temperature) for row in rows)
            assert set(several.values()) == {1}, "a label tells rows of one property apart"
        assert set(self.subject.quantities) <= {row.property for document in found for row in document.rows()}

    def test_document_says_what_its_calculations_say(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        """Results files are refused where they differ: what a study compares must agree as it was computed."""
        if not self.runs:
            pytest.skip("its campaign is not run here")
        run = run_once(self.campaign, tmp_path_factory)
        for document in self.documents(tmp_path_factory):
            of = {step: run.calculations[identifier] for step, identifier in document.calculation_ids.items()}
            differ = {each.place: each.difference for each in self.subject.compared(document, of) if each.difference}
            assert not differ

    def test_section_draws(self, found: Sequence[StudyDoc]) -> None:
        mine = list(found)
        (section,) = sections(mine, Context.of(mine, [], lambda text: None))
        assert section.title
        anchors = {part.anchor for part in section.parts}
        assert {f"study-{document.document_id}" for document in mine if not document.variant} <= anchors
        pictures = [*section.pictures, *(picture for part in section.parts for picture in part.pictures)]
        for picture in pictures[:1]:
            assert picture.drawn().png.startswith(b"\x89PNG")
        for table in [*section.tables, *(table for part in section.parts for table in part.tables)]:
            keys = {column.key for column in table.columns}
            assert all(keys & set(row) for row in table.rows), table.name
