"""What a potential's numbers are worth stands beside them: in documents old and new, rows, tables, CSV and JSON."""

import csv
import json
from pathlib import Path

import pytest
from factories import adsorption_document, codes

from anodeflow.cli.compare import side_by_side
from anodeflow.cli.tables import print_results
from anodeflow.core.caveats import Caveat
from anodeflow.database.results_file import read_results
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.orderings.document import OrderingsDoc
from anodeflow.studies.potentials import OF_POTENTIALS, potential_warning

DOCS = Path(__file__).parents[1] / "docs"
SEVENNET = {"force_field_name": "SevenNet", "calculator_kwargs": {"model": "7net-l3i5"}}


@pytest.mark.parametrize(
    ("calculation", "elements", "code", "value"),
    [
        ({"cutoff": 350}, {"Li", "H"}, None, ""),
        (SEVENNET, {"Li", "Mg"}, "potential-audited", "0.05 to 0.12 eV"),
        (SEVENNET, {"Li"}, "potential-audited", "0.05 to 0.12 eV"),
        (SEVENNET, {"Mg"}, "potential-unaudited", ""),
        (SEVENNET, {"Li", "H"}, "potential-wrong", "1 eV"),
        (SEVENNET, {"Na", "Cl"}, "potential-unaudited", "(Cl)"),
        (SEVENNET, {"Na"}, "potential-wrong", "0.06 J/m²"),
        (SEVENNET, {"K"}, "potential-unaudited", ""),
        ({"force_field_name": "SevenNet"}, {"Li"}, "potential-unaudited", ""),
        ({"force_field_name": "CHGNet"}, {"Li", "H"}, "potential-unaudited", "(H)"),
    ],
)
def test_only_what_was_compared_with_dft_is_audited(calculation, elements, code, value):
    warning = potential_warning(calculation, elements)
    assert (warning and warning.code) == code
    assert warning is None or value in warning.text


@pytest.mark.parametrize("elements", [{"Li"}, {"Li", "Mg"}, {"Mg"}, {"Li", "H"}])
def test_what_was_compared_is_li(elements):
    """Mg on Mg(001) once bore what is known of Li on Li."""
    warning = potential_warning(SEVENNET, elements, "Mg")
    assert warning.code == "potential-unaudited"


@pytest.mark.parametrize(
    ("elements", "of", "code", "words"),
    [
        ({"Li"}, "face", "potential-unaudited", "surface"),
        ({"Li", "Mg"}, "crystal", "potential-audited", "1 to 10 meV/atom"),
        ({"Li", "Ag"}, "crystal", "potential-unaudited", "SevenNet (7net-l3i5) of Ag-Li"),
        (set(), "interface", "potential-unaudited", "interface"),
    ],
)
def test_what_is_known_of_adatoms_is_not_said_of_other_energies(elements, of, code, words):
    """Formation energies and surface energies bore how well the binding of Li is known, exchanges and hulls nothing."""
    warning = potential_warning(SEVENNET, elements, of=of)
    assert warning.code == code
    assert words in warning.text
    assert "binding" not in warning.text


@pytest.mark.slow
def test_every_document_of_a_potential_says_what_that_is_worth():
    studies, _ = read_results(DOCS / "results" / "dendrite-free-anode-mlip.json.gz")
    told = {study.study: [c for c in codes(study) if c in OF_POTENTIALS] for study in studies}
    assert told["orderings"] == told["electrochemistry"] == ["potential-audited"]
    assert told["interface"] == told["interdiffusion"] == told["vacancy"] == ["potential-unaudited"]


@pytest.mark.slow
def test_audit_of_crystals_says_what_the_shipped_documents_say():
    """GPAW and SevenNet on the orderings that both relaxed."""
    studies, _ = read_results(DOCS / "results" / "orderings-gpaw.json.gz")
    apart = [
        abs(entry.formation_energy - entry.rank_formation_energy)
        for study in studies
        if isinstance(study, OrderingsDoc)
        for entry in study.kept
        if entry.formation_energy is not None and entry.rank_formation_energy is not None
    ]
    assert (round(1000 * min(apart)), round(1000 * max(apart))) == (1, 10)
    lowest: dict[str, tuple[float, float]] = {}
    for study in studies:
        if isinstance(study, OrderingsDoc):
            both = [(e.formation_energy, e.rank_formation_energy) for e in study.kept]
            lowest[study.formula] = (min(dft for dft, _ in both), min(ours for _, ours in both))
    ions, per_host = {"Li3Mg7": 3 / 7, "Li3Mg": 3.0}, {"Li3Mg7": 10 / 7, "Li3Mg": 4.0}
    dilute, rich = ([per_host[name] * each for each in lowest[name]] for name in ("Li3Mg7", "Li3Mg"))
    first = [-energy / ions["Li3Mg7"] for energy in dilute]
    second = [(a - b) / (ions["Li3Mg"] - ions["Li3Mg7"]) for a, b in zip(dilute, rich, strict=True)]
    assert [round(each, 3) for each in (*first, *second)] == [0.139, 0.112, 0.037, 0.046]
    assert round(max(abs(first[0] - first[1]), abs(second[0] - second[1])), 2) == 0.03


def test_a_document_that_vouched_for_another_adsorbate_says_so_no_longer():
    document = adsorption_document()
    told = {"calculation": SEVENNET}
    changes = {"formula": "Mg42", "settings": document.settings | told, "adsorbate": "Mg"}
    wrong = Caveat("potential-audited", "energies by SevenNet (7net-l3i5) on Li and Li-Mg alloys: binding of Li ...")
    again = AdsorptionDoc.model_validate(document.model_copy(update=changes | {"warnings": [wrong]}).model_dump())
    assert [code for code in codes(again) if code in OF_POTENTIALS] == ["potential-unaudited"]


@pytest.mark.slow
def test_audit_says_what_the_shipped_documents_say():
    """Binding against the bulk, GPAW and SevenNet on the same surfaces; termination 0 where there are several."""
    found = {}
    for name in ("surfaces", "surfaces-mlip"):
        studies, _ = read_results(DOCS / "results" / f"{name}.json.gz")
        for study in studies:
            if isinstance(study, AdsorptionDoc) and not study.variant and not study.system.endswith(":1"):
                found.setdefault(study.system.removesuffix(":0"), []).append(study)
    apart = {system: dft.binding_energy_bulk - ours.binding_energy_bulk for system, (dft, ours) in found.items()}
    metals = [abs(apart[system]) for system in ("Li(001)", "Li3Mg(001)", "Li3Mg7(001)")]
    assert (round(min(metals), 2), round(max(metals), 2)) == (0.05, 0.12)
    entries = [
        (study.system, entry)
        for name in ("li3mg-prescreened", "li001-six")
        for study in read_results(DOCS / "results" / f"{name}.json.gz")[0]
        if study.prescreen is not None
        for entry in study.prescreen.entries
    ]
    assert min(abs(e.difference) for _, e in entries if e.quantity == "binding_energy_bulk") >= 0.05
    assert max(abs(e.difference) for _, e in entries if e.quantity == "binding_energy_bulk") < 0.125
    barriers = [(system, entry) for system, entry in entries if entry.quantity.startswith("barrier")]
    assert round(max(abs(entry.difference) for _, entry in barriers), 2) == 0.08
    hop = next(entry for system, entry in barriers if system.startswith("Li(001)"))
    assert (round(hop.potential, 2), round(hop.dft, 2)) == (0.03, 0.09)
    assert round(apart["LiH(001)"], 1) == 1.0
    assert round(found["LiH(001)"][0].binding_energy - found["LiH(001)"][1].binding_energy, 1) == 0.8
    # Documents made before there was an audit say it, and vouch for nothing.
    for dft, ours in found.values():
        assert not OF_POTENTIALS & set(codes(dft))
        assert sum(code in OF_POTENTIALS for code in codes(ours)) == 1
        assert not any("trust" in each.text for each in ours.warnings)
        assert all(row.warnings == [str(each) for each in ours.warnings] for row in ours.rows())
    assert AdsorptionDoc.model_validate(ours.model_dump()).warnings == ours.warnings, "told once"


def test_tables_carry_the_warnings(capsys):
    document = adsorption_document(settings={"calculation": SEVENNET}, backend="mlip", warnings=[])
    other = adsorption_document(backend="gpaw", warnings=["a dipole"])
    print_results(document.rows())
    shown = capsys.readouterr().out
    assert shown.splitlines()[0].endswith("warnings")
    assert shown.splitlines()[1].endswith(" 1")
    assert f"warning: {document.warnings[0].text}" in shown
    for entry in side_by_side([other, document], ["gpaw", "mlip"]):
        assert entry["warnings"] == {"gpaw": ["a dipole"], "mlip": [each.text for each in document.warnings]}
    json.dumps(side_by_side([other, document], ["gpaw", "mlip"]))


def test_query_carries_the_warnings_in_every_format(anodeflow, tmp_path):
    file = tmp_path / "aluminium.yaml"
    file.write_text(
        "name: aluminium\nbackend: emt\n"
        "systems: [{name: Al(001), structure: Al, layers: 1, fixed_layers: 0, vacuum: 6, min_width: 0}]\n"
        "studies: [adsorption: {adsorbate: Al, sites: [hollow]}]\n"
    )
    assert anodeflow("run", str(file), "--quiet").out
    rows = json.loads(anodeflow("query", "--format", "json").out)
    assert "left-out-by-campaign" in rows[0]["warning_codes"]
    (line, *_) = csv.DictReader(anodeflow("query", "--format", "csv").out.splitlines())
    assert line["warnings"] == " | ".join(rows[0]["warnings"])
    assert json.loads(anodeflow("query", "warnings=left out*", "--format", "json").out) == rows
    assert all(len(row["warning_codes"]) == len(row["warnings"]) for row in rows)
    assert line["warning_codes"] == " | ".join(rows[0]["warning_codes"])
    assert json.loads(anodeflow("query", "warning=left-out-by-campaign", "--format", "json").out) == rows
    assert json.loads(anodeflow("query", "warning=not-converged", "--format", "json").out) == []
    assert json.loads(anodeflow("query", "warnings=unaudited*", "--format", "json").out) == []


def test_what_is_said_of_sodium_is_what_both_computed():
    studies, _ = read_results(DOCS / "results" / "na-surface.json.gz")
    costs = {row.backend: row.value for each in studies for row in each.rows() if row.property == "surface_energy"}
    told = potential_warning(SEVENNET, {"Na"}).text
    assert f"Na(110) {costs['mlip']:.2f} J/m², GPAW with PBE {costs['gpaw-surfaces']:.2f}" in told
    page = (DOCS / "backends.md").read_text()
    assert f"Na(110) costs {costs['mlip']:.2f} J/m², by GPAW {costs['gpaw-surfaces']:.2f} J/m²" in page
    assert costs["mlip"] / costs["gpaw-surfaces"] == pytest.approx(0.25, abs=0.05)
