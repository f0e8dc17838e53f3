"""Warnings have a code and a sentence; documents, rows and files from before there were codes are read."""

import ast
import json
import re
from pathlib import Path

import pytest
from factories import adsorption_calculations, adsorption_document, calculation_document, codes
from monty.json import MontyDecoder, MontyEncoder
from pydantic import ValidationError

from anodeflow.calculations.identity import _plain
from anodeflow.core.caveats import Caveat, Subject, told_by
from anodeflow.database.results_file import read_results, write_results
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.rows import ResultRow

ROOT = Path(__file__).parents[1]
KEBAB = "[a-z0-9]+(-[a-z0-9]+)*"


def used() -> set[str]:
    """Codes that the source gives; each is written where it is given, so that a search finds it."""
    found = set()
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Caveat" and node.args:
                found |= {each.value for each in ast.walk(node.args[0]) if isinstance(each, ast.Constant)}
    return found - {""}


@pytest.mark.slow
def test_page_has_a_table_of_all_codes():
    page = (ROOT / "docs" / "database.md").read_text()
    section = page.split("## Codes of warnings")[1].split("\n## ")[0]
    listed = re.findall(rf"^\| `({KEBAB})` \| [A-Z].*\. \|$", section, re.MULTILINE)
    names = [name for name, _ in listed]
    assert len(names) == len(set(names))
    assert set(names) == used()
    assert len(names) > 80


@pytest.mark.parametrize("code", ["Not-Converged", "not converged", "not_converged", "-x", "x-"])
def test_a_code_is_a_short_kebab_case_word(code):
    with pytest.raises(ValidationError):
        Caveat(code, "a sentence")


def test_a_warning_keeps_its_code_where_it_is_passed_on():
    warning = Caveat("not-converged", "not converged after 3 steps")
    assert warning.under("clean slab") == Caveat("not-converged", "clean slab: not converged after 3 steps")
    assert str(warning) == warning.text
    with pytest.raises(ValidationError):
        warning.text = "another"


def test_a_warning_says_what_it_is_about_and_can_be_put_anew():
    flat = Caveat("rises-to-end", "rises all the way to one end").of(Subject("hop", 3))
    assert (flat.text, flat.about) == ("hop 3 rises all the way to one end", (Subject("hop", 3),))
    whole = flat.under("Li(001)")
    assert whole.about == (Subject("Li(001)"), Subject("hop", 3))
    again = whole.about_instead([whole.about[0], Subject("hop", 12)])
    assert (again.code, again.text) == ("rises-to-end", "Li(001): hop 12 rises all the way to one end")
    assert Caveat.model_validate(json.loads(again.model_dump_json())).about == again.about
    with pytest.raises(ValueError, match="has a subject already"):
        flat.of("slab")
    with pytest.raises(ValidationError, match="does not begin with 'hop 4'"):
        Caveat("x", "hop 3 is flat", about=(Subject("hop", 4),))
    assert Caveat.model_validate({"code": "x", "text": "hop 3 is flat"}).about == (), "made before there was this"
    assert len({flat, Caveat("rises-to-end", flat.text)}) == 1


@pytest.mark.parametrize("version", [None, 0, 1])
def test_documents_made_before_there_were_codes_are_read(version):
    fields = adsorption_document().model_dump() | {"warnings": ["the bulk is thin"]}
    fields = {name: value for name, value in fields.items() if name != "schema_version"}
    document = AdsorptionDoc.model_validate(fields | ({} if version is None else {"schema_version": version}))
    assert document.warnings == [Caveat("", "the bulk is thin")]
    (row, *_) = document.rows()
    assert (row.warnings, row.warning_codes) == (["the bulk is thin"], [""])
    old = row.model_dump(exclude={"warning_codes"}) | {"schema_version": 1}
    assert ResultRow.model_validate(old).warning_codes == []


def test_warnings_survive_databases_and_results_files(tmp_path):
    warnings = [Caveat("not-converged", "it did not converge"), Caveat("", "old")]
    document = adsorption_document(warnings=warnings)
    again = json.loads(json.dumps(document, cls=MontyEncoder), cls=MontyDecoder)
    assert again.warnings == warnings
    (read,), _ = read_results(write_results([document], adsorption_calculations(document), tmp_path / "x.json.gz"))
    assert codes(read) == ["not-converged", ""]
    assert read.rows()[0].warning_codes == ["not-converged", ""]


def test_codes_take_both_forms_of_what_a_code_left():
    assert told_by({"warnings": ["old", {"code": "symmetry-lost", "text": "new"}]}) == [
        Caveat("", "old"), Caveat("symmetry-lost", "new"),
    ]  # fmt: skip
    assert told_by({}) == []


def test_a_malformed_warning_is_a_validation_error():
    for wrong in ([3], [{"code": 3, "text": "x"}], [{"code": "x"}], [{"text": None, "code": ""}]):
        with pytest.raises(ValidationError):
            adsorption_document(warnings=wrong)


def test_jobs_that_are_handed_documents_are_the_same_as_before_there_were_codes():
    now = json.loads(json.dumps(calculation_document(warnings=[Caveat("x", "told").under("slab")]), cls=MontyEncoder))
    before = now | {"warnings": ["slab: told"], "schema_version": 1}
    assert _plain(json.dumps([now])) == _plain(json.dumps([before]))
