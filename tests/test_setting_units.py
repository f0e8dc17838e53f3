"""Settings in a report have the units that the models of files declare, those of studies of other packages too."""

import re
from pathlib import Path

import pytest

from anodeflow.backends.registry import backend_class, codes
from anodeflow.database.results_file import read_results
from anodeflow.report.units import declared, units_of
from anodeflow.studies.registry import studies

RESULTS = Path(__file__).parents[1] / "docs" / "results"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "study", "key", "unit"),
    [
        ("surfaces", "adsorption", "calculation.cutoff", "eV"),
        ("surfaces", "adsorption", "calculation.energy_tolerance", "eV per valence electron"),
        ("surfaces", "adsorption", "calculation.relaxation.stress_threshold", "eV/Å³"),
        ("surfaces", "adsorption", "slab.vacuum", "Å"),
        ("surfaces", "adsorption", "slab.miller", ""),
        ("surfaces", "adsorption", "atom_box", "Å"),
        ("surfaces", "diffusion", "temperatures", "K"),
        ("surfaces", "diffusion", "calculation.path.spring_constant", "eV/Å²"),
        ("dendrite-free-anode-mlip", "interdiffusion", "plateau_tolerance", "eV"),
        ("dendrite-free-anode-mlip", "interdiffusion", "interface.max_strain", "fraction"),
        ("dendrite-free-anode-mlip", "orderings", "orderings.window", "eV/atom"),
        ("li3mg-prescreened", "adsorption", "prescreen.window", "eV"),
    ],
)
def test_unit_of_a_setting(file, study, key, unit):
    document = next(each for each in read_results(RESULTS / f"{file}.json.gz")[0] if each.study == study)
    assert units_of(document)(key) == unit


def test_units_are_those_of_the_descriptions():
    """What a field says in words and what it declares agree."""
    models = [backend_class(code) for code in codes()]
    kinds = [model.model_fields[name].annotation for model in models for name in ("settings", "relaxation", "path")]
    kinds += [study.Input for study in studies().values() if study.Input is not None]
    looked_at = 0
    for kind in kinds:
        for name, unit in declared(kind).items():
            words = kind.model_fields[name].description
            if unit[0] not in "apcfhs":  # atoms, planes, cycles, fraction, hops, steps: words
                looked_at += 1
                assert re.split("[/ ]", unit)[0] in words, (kind.__name__, name)
    assert looked_at > 50
