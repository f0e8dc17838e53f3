"""The report on interfaces and interdiffusion: its sentences, tables, figures and turning pictures."""

import csv
import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from factories import calculation_document
from interface_factories import output_of, relaxed_interface
from lxml import html
from PIL import Image

from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.report.build import write_report
from anodeflow.report.context import Context
from anodeflow.report.reference import Reference
from anodeflow.structures.interface.interface_spec import InterfaceSpec
from anodeflow.studies.context import SubjectContext
from anodeflow.studies.document import StudyDoc
from anodeflow.studies.interdiffusion.document import DiluteExchange, InterdiffusionDoc
from anodeflow.studies.interdiffusion.flow import InterdiffusionMaker
from anodeflow.studies.interdiffusion.input import InterdiffusionInput
from anodeflow.studies.interdiffusion.report import interdiffusion_answers, interdiffusion_section
from anodeflow.studies.interface.document import InterfaceDoc
from anodeflow.studies.interface.report import interfaces_section
from anodeflow.studies.interface.view import View, in_box, side_views

pytestmark = pytest.mark.slow

SPEC = InterfaceSpec(alloy_layers=2, metal_layers=5, max_atoms=100, vacuum=8, registry_grid=(2, 2))

FAR = [
    DiluteExchange(sites=[n], solution_energy=1.0, antisite_energy=energy, converged=True, steps=[])
    for n, energy in enumerate((-1.19, -1.23))
]


@pytest.fixture(scope="module")
def documents(tmp_path_factory) -> tuple[InterfaceDoc, InterdiffusionDoc]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANODEFLOW_HOME", str(tmp_path_factory.mktemp("home")))
        interface = relaxed_interface(SPEC)
        maker = InterdiffusionMaker(
            relax=Makers(load_backend("emt")).relax(),
            input=InterdiffusionInput(element="Ag", depth=4, samples=2, plateau_tolerance=0.2),
            about=SubjectContext(campaign="test"),
        )
        return interface, InterdiffusionDoc.model_validate(output_of(maker.make(interface)))


def named(document: InterdiffusionDoc, system: str, energies: list[float], **changes) -> InterdiffusionDoc:
    """The same study with other energies at its depths, under another name."""
    points = [p.model_copy(update={"exchange_energy": energies[p.depth - 1]}) for p in document.typical]
    return document.model_copy(
        update={"system": system, "document_id": f"study of {system}", "points": points} | changes
    )


@pytest.fixture(scope="module")
def folder(documents, tmp_path_factory) -> Path:
    interface, study = documents
    studies: list[StudyDoc] = [
        interface,
        study,
        named(study, "Ag2/Al", [-0.1, -0.3, -0.3, -0.2], plateau=[2, 3], dilute=FAR, dilute_atoms=(80, 54)),
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


def paired(document: InterdiffusionDoc, force: float, spread: float, **changes) -> InterdiffusionDoc:
    """A study with two pairs a depth on a plateau of depths 2 and 3, which differ by `spread`, eV."""
    energies = {1: force + spread / 2, 2: force - spread / 2}
    points = [
        point.model_copy(update={"sample": sample, "exchange_energy": energy})
        for point in document.typical
        for sample, energy in energies.items()
    ]
    fields = {"points": points, "plateau": [2, 3], "system": "A/B", "element": "Mg"}
    return document.model_copy(update=fields | changes)


def answer_of(study: InterdiffusionDoc, *papers: Reference) -> str:
    (answer,) = interdiffusion_answers([study], Context(list(papers)))
    return answer


@pytest.mark.parametrize(
    ("force", "spread", "words", "mixing"),
    [
        (-0.36, 0.02, "Mg is driven from Ag into Al (A/B): −0.360 eV, the median of 4 pairs on the plateau of depths 2 "
         "to 3 (−0.370 to −0.350 eV); for", "Mixing adds kT ln x = −0.119 eV for a fraction x = 0.01 of Mg at 300 K, "
         "less than the driving force itself."),
        (-0.06, 0.02, "Mg is driven from Ag into Al (A/B): −0.060 eV", "more than the driving force itself."),
        (0.36, 0.02, "Mg is not driven from Ag into Al (A/B): +0.360 eV, the", "which does not outweigh the driving"),
        (0.08, 0.02, "Mg is not driven from", "which outweighs the driving force: the fraction that it takes in is "
         "0.045 at least, and 0.21 where the atoms of Al in the alloy are as dilute."),
        (0.15, 0.02, "Mg is not driven from", "which may outweigh the driving force: the fraction that it takes in is "
         "0.003 at least, and 0.055 where"),
        (-0.05, 0.08, "Whether Mg is driven from Ag into Al (A/B) is undecided: −0.050 eV, the median of 4 pairs on "
         "the plateau of depths 2 to 3 (−0.090 to −0.010 eV), is no more than the pairs differ by; for", "Mixing adds"),
    ],
)  # fmt: skip
def test_answer_says_whether_the_atom_moves_in(documents, force, spread, words, mixing):
    study = paired(documents[1], force, spread)
    answer = answer_of(study)
    assert answer.startswith(words)
    assert mixing in answer
    assert f"for {study.termination} at a strain of" in answer, "the chosen interface is told"


def test_answer_without_a_plateau_or_with_one_pair(documents):
    answer = answer_of(named(documents[1], "A/B", [-0.1, -0.3, -0.5, -0.7], plateau=[]))
    assert "−0.700 eV at depth 4, but no plateau, so no driving force can be given" in answer
    assert "Mixing" not in answer
    answer = answer_of(named(documents[1], "A/B", [-0.1, -0.3, -0.36, -0.36], plateau=[3, 4]))
    assert "Ag from Ag into Al (A/B): −0.360 eV on the plateau of depths 3 to 4, of one pair of atoms a depth" in answer
    assert "driven" not in answer


def test_dilute_limit_stands_beside_the_driving_force(documents, folder):
    assert "In the dilute limit, in the bulks, it is −0.230 to −0.190 eV." in answer_of(
        paired(documents[1], -0.2, 0.02, dilute=FAR)
    )
    (file,) = (folder / "tables").glob("dilute-limit-*.csv")
    rows = list(csv.DictReader(file.open()))
    assert [float(row["exchange_energy (eV)"]) for row in rows] == pytest.approx([-0.19, -0.23])
    text = html.parse(folder / "index.html").getroot().text_content()
    assert "Dilute limit, in supercells of 80 and 54 atoms of alloy and metal" in text


def test_order_of_interfaces_whose_pairs_overlap_is_uncertain(documents):
    def orders(first: float, second: float) -> str:
        both = [paired(documents[1], force, 0.06, system=name) for name, force in (("A/B", first), ("C/B", second))]
        return interdiffusion_answers(both, Context())[-1]

    assert orders(-0.1, -0.3).endswith("C/B (−0.300 eV), A/B (−0.100 eV).")
    assert orders(-0.26, -0.3).endswith("the pairs of C/B and A/B overlap, so that order is uncertain.")


def test_answer_says_what_the_paper_found(documents):
    paper = Reference(
        doi="10.0/x", name="Someone 2021", citation="",
        values=[{"system": "A/B", "property": "exchange_energy", "value": None, "unit": "eV", "figure": "4A",
                 "note": "It falls."}],
    )  # fmt: skip
    study = named(documents[1], "A/B:1", [-0.1, -0.3, -0.36, -0.36])
    assert answer_of(study, paper).endswith("Someone 2021, Fig. 4A: It falls.")


def test_range_over_terminations_is_told(documents):
    study = documents[1]
    both = [named(study, f"A/B:{n}", [force] * 4, plateau=[1, 2, 3]) for n, force in enumerate((-0.36, -0.31))]
    answer = interdiffusion_answers(both, Context())
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


def test_many_interfaces_beside_each_other_leave_no_empty_room_above_and_below(documents):
    interface = documents[0]
    views = [View(interface.structure, interface.layer, f"depth {n}\n0.1 eV", (3, 3)) for n in range(6)]
    picture = side_views(views, "views", "title", "caption")
    rows = np.asarray(Image.open(BytesIO(picture.png)).convert("L")).min(axis=1) < 255
    empty = np.diff(np.flatnonzero(np.diff(np.concatenate([[True], rows, [True]]).astype(int))))
    assert empty[::2].max() < 0.15 * len(rows), "of rows without a mark one after the other"
