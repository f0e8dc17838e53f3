"""The report on interfaces and interdiffusion: its sentences, tables, figures and turning pictures."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from factories import calculation_document
from interface_factories import output_of, relaxed_interface
from lxml import html

from anodeflow.backends import load_backend
from anodeflow.report.build import write_report
from anodeflow.report.context import Context
from anodeflow.report.interdiffusion import interdiffusion_section
from anodeflow.report.interface_view import View, in_box, side_views
from anodeflow.report.interfaces import interfaces_section
from anodeflow.report.reference import Reference
from anodeflow.schemas import InterdiffusionDoc, InterfaceDoc, StudyDoc
from anodeflow.structures.interface_spec import InterfaceSpec
from anodeflow.workflows.interdiffusion import InterdiffusionMaker

SPEC = InterfaceSpec(alloy_layers=2, metal_layers=5, max_atoms=100, vacuum=8, registry_grid=(2, 2))


@pytest.fixture(scope="module")
def documents(tmp_path_factory) -> tuple[InterfaceDoc, InterdiffusionDoc]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANODEFLOW_HOME", str(tmp_path_factory.mktemp("home")))
        interface = relaxed_interface(SPEC)
        maker = InterdiffusionMaker(
            relax=load_backend("emt").relax(), element="Ag", depth=4, samples=2, campaign="test", plateau_tolerance=0.2
        )
        return interface, InterdiffusionDoc.model_validate(output_of(maker.make(interface)))


def named(document: InterdiffusionDoc, system: str, energies: list[float], **changes) -> InterdiffusionDoc:
    """The same study with other energies at its depths, under another name."""
    points = [p.model_copy(update={"exchange_energy": energies[p.depth - 1]}) for p in document.points if p.lowest]
    return document.model_copy(
        update={"system": system, "document_id": f"study of {system}", "points": points} | changes
    )


@pytest.fixture(scope="module")
def folder(documents, tmp_path_factory) -> Path:
    interface, study = documents
    studies: list[StudyDoc] = [
        interface,
        study,
        named(study, "Ag2/Al", [-0.1, -0.3, -0.3, -0.2], plateau=[2, 3]),
    ]
    calculations = {i: calculation_document(id=i, label=i) for d in studies for i in d.calculation_ids.values()}
    return write_report("test", studies, calculations, tmp_path_factory.mktemp("report")).parent


def test_page_holds_both_sections(folder):
    page = html.parse(folder / "index.html").getroot()
    titles = [element.text_content() for element in page.xpath("//h2")]
    assert "Interfaces" in titles
    assert "Interdiffusion" in titles
    text = page.text_content()
    assert "its work of separation is" in text
    assert "von Mises strain of" in text
    assert "From the strongest to the weakest drive of Ag into the metal" in text
    pictures = {file.stem.split("-Ag-Al")[0] for file in (folder / "figures").glob("*.png")}
    assert {"interface", "registry", "exchange-levels", "exchanges", "interdiffusion-Ag"} <= pictures


def test_tables_hold_every_number(folder, documents):
    interface, study = documents
    (file,) = [f for f in (folder / "tables").glob("exchanges-Ag-Al-emt-*.csv") if study.document_id[:8] in f.name]
    rows = list(csv.DictReader(file.open()))
    assert [(int(row["depth"]), int(row["sample"])) for row in rows] == [(p.depth, p.sample) for p in study.points]
    energies = [float(row["exchange_energy (eV)"]) for row in rows]
    assert energies == [point.exchange_energy for point in study.points]
    (file,) = (folder / "tables").glob("strain-*.csv")
    alloy, metal = csv.DictReader(file.open())
    assert (alloy["side"], metal["side"]) == ("alloy", "metal")
    assert float(metal["xx (%)"]) == pytest.approx(100 * interface.metal_strain[0])
    (file,) = (folder / "tables").glob("registry-*.csv")
    assert len(list(csv.DictReader(file.open()))) == len(interface.registry) > 1
    (file,) = (folder / "tables").glob("cells-*.csv")
    assert len(list(csv.DictReader(file.open()))) == len(interface.candidates)
    results = list(csv.DictReader((folder / "tables" / "results.csv").open()))
    assert len([row for row in results if row["property"] == "exchange_energy"]) == 8


def test_scene_moves_the_atom_from_plane_to_plane(documents):
    _, study = documents
    (part,) = interdiffusion_section([study], Context(tell=lambda words: None)).parts
    data = json.loads(part.scenes[0].json)
    assert data["control"] == "slider"
    assert [frame["label"].split(",")[0] for frame in data["frames"]] == [
        "pristine",
        *(f"depth {n}" for n in range(1, 5)),
    ]
    heights = []
    for frame in data["frames"]:
        assert set(frame["species"]) <= set(data["elements"])
        assert frame["species"][frame["adatom"]] == "Ag", "the moved atom has its own full colour"
        assert len(frame["positions"]) == len(study.pristine)
        assert all(frame["adatom"] in bond for bond in frame["bonds"])
        heights.append(frame["positions"][frame["adatom"]][2])
    assert heights == sorted(heights)


@pytest.mark.parametrize(
    ("energies", "plateau", "words"),
    [
        ([-0.1, -0.3, -0.36, -0.36], [3, 4], "Mg is driven from Ag into Al (A/B): −0.360 eV on the plateau of depths"),
        ([0.1, 0.3, 0.36, 0.36], [3, 4], "Mg is not driven from Ag into Al (A/B): +0.360 eV on the plateau of"),
        ([-0.1, -0.3, -0.5, -0.7], [], "−0.700 eV at depth 4, but no plateau, so no driving force can be given"),
    ],
)  # fmt: skip
def test_answer_says_whether_the_atom_moves_in(documents, energies, plateau, words):
    study = named(documents[1], "A/B", energies, plateau=plateau, element="Mg")
    (answer,) = interdiffusion_section([study], Context(tell=lambda words: None)).answer
    assert words in answer
    assert f"for {study.termination} at a strain of" in answer, "the chosen interface is told"


def test_answer_says_what_the_paper_found(documents):
    paper = Reference(
        doi="10.0/x", name="Someone 2021", citation="",
        values=[{"system": "A/B", "property": "exchange_energy", "value": None, "unit": "eV", "figure": "4A",
                 "note": "It falls."}],
    )  # fmt: skip
    study = named(documents[1], "A/B:1", [-0.1, -0.3, -0.36, -0.36])
    (answer,) = interdiffusion_section([study], Context([paper], tell=lambda words: None)).answer
    assert answer.endswith("Someone 2021, Fig. 4A: It falls.")


def test_range_over_terminations_is_told(documents):
    study = documents[1]
    both = [named(study, f"A/B:{n}", [force] * 4, plateau=[1, 2, 3]) for n, force in enumerate((-0.36, -0.31))]
    answer = interdiffusion_section(both, Context(tell=lambda words: None)).answer
    assert answer[-1] == "Over 2 interfaces of A/B [emt] the driving force ranges over −0.360 to −0.310 eV."


def test_changed_middle_is_told(documents):
    interface = documents[0]
    broken = interface.model_copy(
        update={
            "middle_layers": [p.model_copy(update={"like_bulk": p.side == "alloy"}) for p in interface.middle_layers]
        }
    )
    context = Context(tell=lambda words: None)
    assert "the middle of the metal does not look like its bulk" in interfaces_section([broken], context).answer[0]
    assert "does not look like" not in interfaces_section([interface], context).answer[0]


def test_box_holds_each_atom_once_with_the_moved_one_in_front(documents):
    structure = documents[0].structure
    for front in (None, 7):
        places = in_box(structure, front)
        steps = structure.lattice.get_fractional_coords(places) - structure.frac_coords
        if front is not None:
            steps -= steps[front]
            assert places[front, :2] == pytest.approx([0, 0], abs=1e-9)
            assert places[:, 1].min() > -0.1 * structure.lattice.b
            assert np.ptp(places[:, 0]) <= structure.lattice.a
        assert steps == pytest.approx(np.rint(steps), abs=1e-6), "whole lattice vectors away from where they were"
        assert np.allclose(places[:, 2], structure.cart_coords[:, 2])


def test_pictures_are_the_same_each_time(documents):
    interface = documents[0]
    views = [View(interface.structure, interface.layer, "relaxed", (3, 3))]
    first, second = (side_views(views, "view", "title", "caption") for _ in range(2))
    assert first.png == second.png
    assert first.svg == second.svg
