"""What `anodeflow check` says of studies: sites to choose from, what is made for whom, what a backend cannot do."""

import json

import numpy as np
import pytest
from factories import sentence
from pymatgen.core import Lattice, Structure

from anodeflow import Campaign
from anodeflow.campaign.flow import campaign_parts
from anodeflow.core.errors import InputError
from anodeflow.database.query import study_documents
from anodeflow.structures.bulk.catalogue import host_lattice, load_structure
from anodeflow.structures.sites.environment import environment
from anodeflow.structures.sites.site_choice import choose_sites, same_sites
from anodeflow.structures.sites.sites import find_sites
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec

CAMPAIGN = """\
name: metals
backend: emt
systems:
  - {name: Al(001), structure: Al, layers: 3, vacuum: 10, min_width: 5.5}
  - {name: Cu(111), structure: Cu, miller: [1, 1, 1], layers: 3, vacuum: 10, min_width: 5}
studies:
  - adsorption: {adsorbate: Al, systems: [Al(001)]}
"""


@pytest.fixture
def campaign_file(tmp_path):
    """Write a campaign file with its studies."""

    def write(*studies: str, systems: str = ""):
        file = tmp_path / "metals.yaml"
        lines = [f"  - {study}" for study in studies]
        file.write_text(CAMPAIGN[: CAMPAIGN.index("studies:")] + systems + "\n".join(["studies:", *lines]) + "\n")
        return file

    return write


def sites(campaign: Campaign, system: str) -> list[str]:
    """The sites that a campaign plans on a system."""
    head = f"{system}: Al at site "
    return [each.label.removeprefix(head) for each in campaign.check() if each.label.startswith(head)]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ("all", ["0 (onefold top)", "1 (bridge)", "2 (fourfold hollow)"]),
        ("[2]", ["2 (fourfold hollow)"]),
        ("[hollow, 0]", ["0 (onefold top)", "2 (fourfold hollow)"]),
        ("[Fourfold Hollow]", ["2 (fourfold hollow)"]),
        ("{Al(001): [1]}", ["1 (bridge)"]),
        ("{Cu(111): [1]}", ["0 (onefold top)", "1 (bridge)", "2 (fourfold hollow)"]),
    ],
)
def test_sites_by_number_or_label(campaign_file, wish, expected):
    systems = "all" if "Cu" in wish else "[Al(001)]"
    file = campaign_file(f"adsorption: {{adsorbate: Al, systems: {systems}, sites: {wish}}}")
    assert sites(Campaign.from_file(file), "Al(001)") == expected


@pytest.mark.slow
def test_document_names_the_sites_left_out(campaign_file):
    file = campaign_file("adsorption: {adsorbate: Al, systems: [Al(001)], sites: [1]}")
    report = Campaign.from_file(file).run()
    assert report.succeeded, report.failures
    assert report.computed == 4
    (document,) = study_documents("metals")
    assert [site.site for site in document.sites] == [1]
    assert document.settings["sites"] == [1]
    assert "site 0 (onefold top), 2 (fourfold hollow)" in sentence(document, "left-out-by-campaign")
    everything = Campaign.from_file(campaign_file("adsorption: {adsorbate: Al, systems: [Al(001)]}"))
    assert everything.run().computed == 2, "the site that was computed is found"
    latest = study_documents("metals")[-1]
    assert [site.site for site in latest.sites] == [0, 1, 2]
    assert "sites" not in latest.settings


def test_chosen_sites_are_found_on_another_slab_of_the_same_surface():
    crystal = load_structure("Cu")
    spec = SlabSpec(miller=(1, 1, 1), layers=3, vacuum=10, min_width=5)
    cell = build_slab(crystal, spec)
    found = find_sites(cell.structure, "Al")
    choice = choose_sites(cell, found, ["hollow"], "Cu(111)")
    assert choice.numbers == [2, 3]
    assert choice.left_out == ["0 (onefold top)", "1 (bridge)"]
    below = [found[number].below for number in choice.numbers]
    larger = crystal.copy()
    larger.scale_lattice(crystal.volume * 1.03**3)
    for changes in ({}, {"layers": 5}, {"vacuum": 14}, {"min_width": 7}):
        other = build_slab(larger, spec.model_copy(update=changes))
        there = find_sites(other.structure, "Al")
        assert same_sites(choice, other.structure, there) == [there[2], there[3]]
        # The same sites under other numbers, and one more: then surroundings decide.
        renumbered = [site.model_copy(update={"index": n}) for n, site in enumerate([*reversed(there), there[0]])]
        again = same_sites(choice, other.structure, renumbered)
        assert [site.index for site in again] == [2, 3], "numbers are those of the choice"
        assert [site.below for site in again] == below
        for site, meant in zip(again, there[2:4], strict=True):
            assert np.allclose(site.position, meant.position)
    assert same_sites(choice, cell.structure, found[:2]) == [], "a slab without hollows"


def test_hollows_are_chosen_by_their_stacking_and_by_their_older_name():
    cell = build_slab(load_structure("Cu"), SlabSpec(miller=(1, 1, 1), layers=3, vacuum=10, min_width=5))
    found = find_sites(cell.structure, "Al")
    for wish, numbers in {"fcc": [2], "Hcp hollow": [3], "hollow": [2, 3], "threefold hollow": [2, 3]}.items():
        assert choose_sites(cell, found, [wish], "Cu(111)").numbers == numbers
    # Relaxed too far to be told: as before there was anything to tell.
    choice = choose_sites(cell, found, ["hcp"], "Cu(111)")
    untold = [site.model_copy(update={"label": site.label.replace("hcp", "threefold")}) for site in found]
    assert same_sites(choice, cell.structure, untold) == [untold[3]]
    # The other way round: what stands where the number says is another site.
    turned = [*found[:2], found[3].model_copy(update={"index": 2}), found[2].model_copy(update={"index": 3})]
    (again,) = same_sites(choice, cell.structure, turned)
    assert (again.index, again.label) == (3, "hcp hollow")


def test_chosen_sites_are_found_in_a_cell_with_other_vectors():
    """Li3Mg relaxed with another code: b is then longer than a, and the slab comes out mirrored."""
    crystal, host = load_structure("Li3Mg-Cmcm"), host_lattice("Li3Mg-Cmcm")
    cell = build_slab(crystal, SlabSpec(layers=4, vacuum=10), host)
    choice = choose_sites(cell, find_sites(cell.structure, "Li"), [8, "hollow"], "Li3Mg(001)")
    turned = Structure(
        Lattice(cell.structure.lattice.matrix[[1, 0, 2]] @ np.diag([-1, 1, 1]), pbc=(True, True, False)),
        cell.structure.species,
        cell.structure.frac_coords[:, [1, 0, 2]],
    )
    there = find_sites(turned, "Li")
    found = same_sites(choice, turned, there[::-1])
    assert [site.index for site in found] == choice.numbers
    chosen = {site.number: site for site in choice.chosen}
    for site in found:
        assert site.neighbours == chosen[site.index].neighbours
        seen, meant = environment(turned, np.array(site.position)), chosen[site.index].surroundings
        assert {element: len(apart) for element, apart in seen.items()} == {e: len(apart) for e, apart in meant.items()}
        for element, apart in seen.items():
            assert apart == pytest.approx(meant[element], abs=2e-3)


def test_a_slab_that_is_one_hop_wide_is_told_before_anything_runs(campaign_file):
    narrow = "  - {name: narrow, structure: Al, layers: 3, vacuum: 8, min_width: 0}\n"
    file = campaign_file("diffusion: {adsorbate: Al, systems: [narrow, Al(001)]}", systems=narrow)
    told = "A hop to the next surface cell ends at its own start, so give a larger min_width to narrow."
    assert told in Campaign.from_file(file).plan().remarks
    file = campaign_file("adsorption: {adsorbate: Al, systems: [narrow]}", systems=narrow)
    assert Campaign.from_file(file).plan().remarks == []


def test_a_slab_too_small_for_hops_is_told_before_anything_runs(campaign_file):
    slabs = "".join(
        f"  - {{name: {name}, structure: Al, layers: {layers}, vacuum: 8, min_width: {width}}}\n"
        for name, layers, width in (("thin", 4, 10), ("narrow", 6, 6.5), ("roomy", 6, 10))
    )
    file = campaign_file("diffusion: {adsorbate: Al, systems: [thin, narrow, roomy]}", systems=slabs)
    told = [remark for remark in Campaign.from_file(file).plan().remarks if "too little room" in remark]
    assert len(told) == 2
    assert told[0].startswith("4 layers leave a hop")
    assert told[0].endswith("set min_width and layers of thin.")
    assert told[1].startswith("Adatoms 8.1 Å apart leave a hop")
    assert told[1].endswith("of narrow.")


def test_charge_and_diffusion_start_from_the_campaigns_adsorption(campaign_file):
    file = campaign_file(
        "adsorption: {adsorbate: Al, systems: [Al(001)], sites: [2]}",
        "diffusion: {adsorbate: Al}",
    )
    campaign = Campaign.from_file(file)
    starts = [remark for remark in campaign.plan().remarks if "starts from" in remark]
    assert starts == [
        "diffusion of Al starts from the campaign's adsorption study on Al(001).",
        "diffusion of Al starts from an adsorption study made for it on Cu(111).",
    ]
    assert sites(campaign, "Al(001)") == ["2 (fourfold hollow)"]
    assert len(sites(campaign, "Cu(111)")) == 4
    hops = [planned for planned in campaign.check() if planned.task == "neb"]
    assert [planned.number for planned in hops] == [None, None]


def test_variants_need_the_same_sites_alone(campaign_file):
    campaign = Campaign.from_file(
        campaign_file(
            "adsorption: {adsorbate: Al, systems: [Al(001)], sites: [2]}",
            "diffusion: {adsorbate: Al, systems: [Al(001)], convergence: {layers: [4]}}",
        )
    )
    planned = campaign.check()
    assert sites(campaign, "Al(001) [layers 4]") == ["2 (fourfold hollow)"]
    assert {each.label for each in planned if each.variant} == {
        *("Al(001) [layers 4]: clean slab", "Al(001) [layers 4]: Al at site 2 (fourfold hollow)"),
        "Al(001) [layers 4]: hops between its minima",
        "Al(001) [layers 4]: adatoms pushed off sites that may be saddles, at most 3 a site",
        "Al(001) [layers 4]: softest modes of minima that may be saddles",
        "Al(001) [layers 4]: minima that may be saddles, pushed and relaxed, at most once each",
        "Al(001) [layers 4]: modes of its saddles",
    }


@pytest.mark.parametrize(("prescreen", "most"), [("emt", 25), ("none", 53)])
def test_what_checks_of_minima_and_saddles_cost_is_told_before_anything_runs(campaign_file, prescreen, most):
    prefactor = "vineyard" if prescreen == "emt" else 1e13
    file = campaign_file(f"diffusion: {{adsorbate: Al, systems: [Al(001)], prefactor: {prefactor}}}")
    planned = Campaign.from_file(file, "gpaw-demo", (), prescreen).plan().calculations
    dear = {label: each for label, each in planned.items() if each.number is None and not each.prescreen}
    modes = dear[f"Al(001): modes of its saddles, at most {most} forces each"]
    assert (modes.task, modes.atoms) == ("modes", dear["Al(001): hops between its minima"].atoms)
    assert "Al(001): minima that may be saddles, pushed and relaxed, at most once each" in dear
    cheap = {label for label, each in planned.items() if each.prescreen == "emt"}
    if prescreen == "emt":
        assert modes.after == ("Al(001): modes of its saddles [emt]",)
        assert {
            "Al(001): minima that may be saddles, pushed and relaxed, at most once each [emt]",
            "Al(001): adatoms pushed off sites that may be saddles, at most 3 a site [emt]",
            "Al(001): vibrations at minima and saddles [emt]",
        } <= cheap
    else:
        assert not cheap
        assert "Al(001): adatoms pushed off sites that may be saddles, at most 3 a site" in dear
    file = campaign_file("diffusion: {adsorbate: Al, systems: [Al(001)], modes: false}")
    assert "modes" not in {each.task for each in Campaign.from_file(file, "gpaw-demo").plan().calculations.values()}


def test_check_prints_groups_and_numbers(anodeflow, campaign_file):
    file = campaign_file(
        "adsorption: {adsorbate: Al, systems: [Al(001)], convergence: {layers: [4]}}",
        "diffusion: {adsorbate: Al, systems: [Al(001)]}",
    )
    shown = anodeflow("check", file).out
    assert "metals on emt: 10 calculations, 4 of them for convergence tests, and more as the run finds them" in shown
    assert "Al(001) [layers 4]: 4 calculations" in shown
    assert "shared: 2 calculations" in shown
    assert "diffusion of Al starts from the campaign's adsorption study on Al(001)." in shown
    answer = json.loads(anodeflow("check", file, "--format", "json").out)
    assert {each["group"] for each in answer["calculations"]} == {"shared", "Al(001)", "Al(001) [layers 4]"}


@pytest.mark.mlip
def test_one_termination_by_its_name(campaign_file):
    system = "  - {name: X, structure: Li3Mg7, layers: 3, vacuum: 10, termination: all}\n"
    file = campaign_file("adsorption: {systems: ['X:1'], sites: {'X:1': [0]}}", systems=system)
    planned = Campaign.from_file(file, "mlip").check()
    assert [each.label for each in planned if each.group != "shared"] == [
        "X:1: clean slab",
        "X:1: Li at site 0 (onefold top)",
    ]


@pytest.mark.parametrize(
    ("study", "line", "words"),
    [
        ("adsorption: {adsorbate: Al, sites: [7]}", 7, "7 names no site of Al(001): choose from 0 (onefold top), 1 ("),
        ("adsorption: {adsorbate: Al, sites: [hollw]}", 7, "'hollw' names no site of Al(001)"),
        ("adsorption: {adsorbate: Al, sites: []}", 7, "no site of Al(001) is chosen: choose from 0 (onefold top)"),
        ("adsorption: {adsorbate: Al, sites: 4}", 7, "sites are all, a list of numbers"),
        ("adsorption: {adsorbate: Al, sites: [1.5]}", 7, "sites are all, a list of numbers"),
        ("adsorption: {adsorbate: Al, sites: {Al(01): [1]}}", 7, "unknown system 'Al(01)'"),
        ("adsorption: {adsorbate: Al, convergence: {layers: []}}", 7, "layers has no values"),
        ("diffusion: {adsorbate: Al, images: 0}", 7, "a number of at least 1"),
        ("diffusion: {adsorbate: Al, temperatures: [-3]}", 7, "temperatures are in K, above 0"),
        ("diffusion: {adsorbate: Al, image: 3}", 7, "unknown key 'image'; did you mean images?"),
        ("charge: {adsorbate: Al, grid_spacing: 0}", 7, "a number of at least 0.02"),
        ("charge: {adsorbate: Al}", 7, "charge needs charge_density, which backend emt (emt) does not have"),
        ("difusion: {adsorbate: Al}", 7, "unknown key 'difusion'; did you mean diffusion?"),
        ("{adsorption: {adsorbate: Al}, diffusion: {adsorbate: Al}}", 7, "each entry names one study"),
    ],
)
def test_wrong_study_is_a_sentence_with_its_line(anodeflow, campaign_file, study, line, words):
    ended = anodeflow("check", campaign_file(study))
    assert ended.status == 2
    assert words in ended.err
    assert f"metals.yaml, line {line}" in ended.err
    assert "Traceback" not in ended.err


def test_every_study_that_the_backend_cannot_do_is_named(campaign_file, monkeypatch):
    from anodeflow.backends.emt import EmtBackend

    monkeypatch.setattr(EmtBackend, "capabilities", frozenset({"relax"}))
    file = campaign_file("adsorption: {adsorbate: Al}", "charge: {adsorbate: Al}", "diffusion: {adsorbate: Xx}")
    with pytest.raises(InputError, match=r"line 9: .*'Xx' is no chemical element"):
        Campaign.from_file(file)
    file = campaign_file("adsorption: {adsorbate: Al}", "charge: {adsorbate: Al}", "diffusion: {adsorbate: Li}")
    with pytest.raises(InputError) as error:
        Campaign.from_file(file).check()
    said = str(error.value).splitlines()
    assert len(said) == 4
    assert "line 7: adsorption needs stress, which" in said[0]
    assert "line 8: charge needs charge_density, stress, which" in said[1]
    assert "line 9: diffusion needs neb, stress, which" in said[2]
    assert "leave the study out" in said[2]
    assert "line 9: backend emt: EMT has no parameters for Li" in said[3]


def test_vineyards_prefactor_needs_a_potential_and_the_order_of_saddles(campaign_file, monkeypatch):
    from anodeflow.backends.emt import EmtBackend

    Campaign.from_file(campaign_file("diffusion: {adsorbate: Al, prefactor: vineyard}")).check()
    file = campaign_file("diffusion: {adsorbate: Al, prefactor: vineyard, modes: false}")
    with pytest.raises(InputError, match="line 7: prefactor: vineyard needs the order of every saddle"):
        Campaign.from_file(file).check()
    monkeypatch.setattr(EmtBackend, "cheap_forces", False)
    file = campaign_file("diffusion: {adsorbate: Al, prefactor: vineyard}")
    with pytest.raises(InputError, match=r"line 7: prefactor: vineyard takes all second .*: add a prescreen"):
        Campaign.from_file(file).check()
    for wrong in ("-1", "fast"):
        with pytest.raises(InputError, match=r"line 7: .*prefactor"):
            Campaign.from_file(campaign_file(f"diffusion: {{adsorbate: Al, prefactor: {wrong}}}"))


@pytest.mark.slow
def test_charge_asks_for_the_calculations_that_were_planned(campaign_file, monkeypatch):
    """EMT writes no density, so no document comes of it: what it is asked for is what matters here."""
    from anodeflow.backends.emt import EmtBackend
    from anodeflow.core.settings import get_settings
    from anodeflow.execution.state import read_status

    monkeypatch.setattr(EmtBackend, "capabilities", EmtBackend.capabilities | {"charge_density"})
    campaign = Campaign.from_file(campaign_file("charge: {adsorbate: Al, systems: [Al(001)]}"))
    assert campaign.plan().remarks == ["charge of Al starts from an adsorption study made for it on Al(001)."]
    planned = campaign.check()
    assert [each.atoms for each in planned if each.task == "density"] == [13, 12, 1]
    report = campaign.run()
    assert not report.succeeded
    assert any("charge document" in failure or "density" in failure for failure in report.failures)
    steps = {step.label: step.state for step in read_status(get_settings(), "metals").steps}
    assert steps == {each.label: "finished" for each in planned}
    assert [document.study for document in study_documents("metals")] == ["adsorption"]


def test_studies_share_one_adsorption(campaign_file):
    study = "adsorption: {adsorbate: Al, systems: [Al(001)]}"
    campaign = Campaign.from_file(campaign_file(study, study))
    names = [node.name for node in campaign_parts(campaign._world(), {"campaign": "metals"}).values()]
    assert names == ["Al bulk", "Al(001): slab", "Al atom", "Al(001): adsorption"]


def test_studies_left_out_by_name_and_lines_stay_those_of_the_file(anodeflow, campaign_file):
    file = campaign_file("charge: {adsorbate: Al}", "adsorption: {adsorbate: Al}", "diffusion: {adsorbate: Al}")
    ended = anodeflow("check", file, "--without", "charge", "--format", "json")
    assert ended.status == 0
    answer = json.loads(ended.out)
    assert answer["remarks"][0] == "Left out by name: charge."
    assert {each["task"] for each in answer["calculations"]} == {"relax_cell", "static", "relax", "neb", "modes"}
    broken = campaign_file("charge: {adsorbate: Al}", "adsorption: {adsorbate: Al, systems: [Xx]}")
    assert "line 8: unknown system 'Xx'" in anodeflow("check", broken, "-w", "charge").err
    assert "no study 'chrge' to leave out; there is charge" in anodeflow("check", file, "-w", "chrge").err
    every = anodeflow("check", broken, "-w", "charge", "-w", "adsorption")
    assert every.status == 2
    assert "has no study left" in every.err


def test_another_backend_leaves_out_settings_that_it_lacks(anodeflow, campaign_file):
    system = "  - {name: X, structure: Al, layers: 3, vacuum: 10, min_width: 5.5, settings: {kpoint_spacing: 0.3}}\n"
    file = campaign_file("adsorption: {adsorbate: Al, convergence: {layers: [4], cutoff: [300]}}", systems=system)
    file.write_text(file.read_text().replace("backend: emt", "backend: gpaw-demo"))
    ended = anodeflow("check", file, "--backend", "emt", "--format", "json")
    assert ended.status == 0
    answer = json.loads(ended.out)
    assert answer["remarks"] == [
        "X: kpoint_spacing left out, backend emt has no such setting.",
        "convergence of adsorption: cutoff left out, backend emt has no such setting.",
        "No binding_energy_vs_metal of Al: no metal_system says which is meant: Al(001), X.",
    ]
    assert any(each["variant"] for each in answer["calculations"])


@pytest.mark.mlip
def test_one_system_over_several_orderings_and_both_faces(campaign_file):
    system = (
        "  - {name: X, structure: [Li3Mg7, Li3Mg7-Pm], layers: 3, vacuum: 10, termination: all}\n"
        "  - {name: Y, structure: [Li3Mg7, Li3Mg7-Pm], layers: 3, vacuum: 10}\n"
    )
    file = campaign_file("adsorption: {systems: [X, 'Y:Li3Mg7-Pm'], sites: [0]}", systems=system)
    planned = Campaign.from_file(file, "mlip").check()
    assert [each.label for each in planned if each.task == "relax_cell"] == [
        "Li3Mg7 bulk", "Li bulk", "Li3Mg7-Pm bulk",
    ]  # fmt: skip
    groups = dict.fromkeys(each.group for each in planned if each.group != "shared")
    names = ["X:Li3Mg7:0", "X:Li3Mg7:1", "X:Li3Mg7-Pm:0", "X:Li3Mg7-Pm:1"]
    assert [name for name in groups if name.startswith("X")] == names
    assert [name for name in groups if name.startswith("Y")] == ["Y:Li3Mg7-Pm"]
    twice = campaign_file("adsorption: {}", systems="  - {name: X, structure: [Li, Li]}\n")
    with pytest.raises(InputError, match=r"line 6: .*none of them twice"):
        Campaign.from_file(twice)


@pytest.mark.parametrize(
    ("again", "words"),
    [
        ("adsorption: {adsorbate: Al}", "line 8: adsorption of Al on Al\\(001\\) is asked for above already"),
        ("adsorption: {adsorbate: Al, systems: [Al(001)], sites: [1]}", "line 7"),
        ("adsorption: {adsorbate: Al, systems: [Al(001)], convergence: {layers: [4]}}", "in another campaign"),
    ],
)
def test_a_study_that_stands_twice_is_refused(campaign_file, again, words):
    with pytest.raises(InputError, match=words):
        Campaign.from_file(campaign_file("adsorption: {adsorbate: Al}", again)).check()


def test_studies_of_two_adatoms_or_on_two_surfaces_are_two(campaign_file):
    studies = [f"adsorption: {{adsorbate: {name}, systems: [Al(001)]}}" for name in ("Al", "Cu")]
    studies.append("adsorption: {adsorbate: Al, systems: [Cu(111)]}")
    assert Campaign.from_file(campaign_file(*studies)).check()


def test_a_slab_of_which_nothing_may_move_is_told(campaign_file):
    held = "  - {name: rigid, structure: Al, layers: 3, fixed_layers: 3, vacuum: 10, min_width: 5.5}\n"
    described = Campaign.from_file(campaign_file("adsorption: {adsorbate: Al}", systems=held)).described()
    told = {each.line.partition(":")[0]: each.notes for each in described}
    assert any("all of its layers are held fixed" in note for note in told["rigid"])
    assert not any("held fixed" in note for note in told["Al(001)"])
