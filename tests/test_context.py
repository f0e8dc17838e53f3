"""What a study tells its jobs: as typed as it is, jobs are those that were told a mapping."""

import json
from dataclasses import FrozenInstanceError, replace

import pytest
from factories import adsorption_document
from jobflow import Flow, job
from monty.json import MontyDecoder, MontyEncoder

from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.identity import with_stable_uuids
from anodeflow.core.errors import InputError
from anodeflow.screening.settings import PrescreenSettings
from anodeflow.structures.sites.site_choice import SiteChoice
from anodeflow.studies.about import study_fields
from anodeflow.studies.adsorption.context import AdsorptionContext
from anodeflow.studies.charge.context import ChargeContext
from anodeflow.studies.context import SlabContext, StudyContext, SubjectContext
from anodeflow.studies.diffusion.context import DiffusionContext
from anodeflow.studies.diffusion.flow import DiffusionMaker
from anodeflow.studies.electrochemistry.context import ElectrochemistryContext
from anodeflow.studies.electrochemistry.flow import collect_electrochemistry
from anodeflow.studies.interdiffusion.context import InterdiffusionContext
from anodeflow.studies.interface.context import InterfaceContext
from anodeflow.studies.orderings.context import OrderingsContext
from anodeflow.studies.registry import studies
from anodeflow.studies.vacancy.context import VacancyContext

POTENTIAL = {"backend": "mlip", "settings_hash": "0a", "keep": 2, "window": 0.1, "paths": "band"}
ADSORPTION = {
    "campaign": "c",
    "system": "Li(001)",
    "reference": None,
    "adsorbate": "Li",
    "spin_polarized": False,
    "atom_reference_reliable": True,
    "slab_spec": {"layers": 6},
    "choice": SiteChoice(chosen=[], left_out=["1 (bridge)"]),
    "variant": {"layers": 5.0},
}
ORDERINGS = {
    "campaign": "c",
    "system": "Li3Mg",
    "reference": "10.1/x",
    "formula": "Li3Mg",
    "hosts": ["bcc"],
    "max_atoms": 4,
    "window": 0.015,
    "keep": 3,
    "sqs_atoms": None,
}
NAMES = {"campaign": "c", "system": "x", "reference": None, "variant": {}}
CHARGE = NAMES | {"adsorbate": "Li", "program": None}
DIFFUSION = NAMES | {"adsorbate": "Li", "images": 5, "prefactor": 1e13, "temperatures": [300.0], "modes": True}
VACANCY = NAMES | {
    "element": "Li",
    "helper": "Mg",
    "start": "surface",
    "steps": 4,
    "samples": 2,
    "images": 5,
    "paths": ["I", "II"],
    "barriers": True,
}
INTERDIFFUSION = NAMES | {
    "element": "Mg",
    "depth": 5,
    "samples": 3,
    "plateau_tolerance": 0.01,
    "there_and_back": False,
}
INTERFACE = NAMES | {"alloy": "Li3Mg", "metal": "Li", "spec": {"rattle": 0.0}}
ELECTROCHEMISTRY = {"campaign": "c", "system": "x", "reference": None, "ion": "Li", "partner": "Mg"}
SLAB = {"campaign": "c", "system": "x", "reference": None, "variant": {}, "slab_spec": {}, "prescreen": {}}
TOLD = [
    (AdsorptionContext, ADSORPTION),
    (AdsorptionContext, ADSORPTION | {"prescreen": POTENTIAL}),
    (OrderingsContext, ORDERINGS),
    (OrderingsContext, ORDERINGS | {"volumes": {"Li": 20.0}, "enumerated": {"bcc": 7}}),
    (OrderingsContext, ORDERINGS | {"confirm_at_most": 20}),
    (ChargeContext, CHARGE),
    (DiffusionContext, DIFFUSION),
    (DiffusionContext, DIFFUSION | {"prescreen": POTENTIAL, "prefactor": "vineyard"}),
    (VacancyContext, VACANCY),
    (InterdiffusionContext, INTERDIFFUSION),
    (InterfaceContext, INTERFACE),
    (ElectrochemistryContext, ELECTROCHEMISTRY),
    (SlabContext, SLAB),
]
"""What jobs were told when it was a mapping, as anodeflow 0.1 made them."""


@job
def make(study, wanted):
    return study


@pytest.mark.parametrize(("kind", "mapping"), TOLD)
def test_jobs_are_those_that_were_told_a_mapping(kind, mapping):
    def uuid(study):
        return with_stable_uuids(Flow([make(study, 1)]), "seed").jobs[0].uuid

    assert uuid(kind.of(mapping)) == uuid(mapping)
    assert uuid(replace(kind.of(mapping), system="another")) != uuid(mapping)


@pytest.mark.parametrize(("kind", "mapping"), TOLD)
def test_what_a_job_keeps_of_it_is_read_again(kind, mapping):
    context = kind.of(mapping)
    again = json.loads(json.dumps(context, cls=MontyEncoder), cls=MontyDecoder)
    assert type(again) is kind
    assert again == context
    with pytest.raises(FrozenInstanceError):
        again.system = "another"


def test_a_queued_job_that_was_told_a_mapping_still_runs():
    study = {"campaign": "c", "system": "Li-Mg", "reference": None, "ion": "Li", "partner": "Mg"}
    with pytest.raises(InputError, match=r"need the bulk of Li, Mg"):
        collect_electrochemistry.original([], {}, study)


def test_every_job_that_is_told_of_its_study_takes_a_mapping_too():
    import inspect
    from importlib import import_module

    seen = 0
    for name in studies():
        for module in ("flow", "rounds"):
            try:
                flow = import_module(f"anodeflow.studies.{name}.{module}")
            except ModuleNotFoundError:
                continue
            for each in vars(flow).values():
                original = getattr(each, "original", None)
                if original is None or original.__module__ != flow.__name__:
                    continue
                kind = inspect.signature(original).parameters.get("study")
                if kind is not None and kind.annotation is not str:
                    assert issubclass(kind.annotation, StudyContext), (name, original.__name__)
                    assert hasattr(original, "__wrapped__"), f"{name}: {original.__name__} lacks @in_context"
                    seen += 1
    assert seen > 20


def test_documents_say_what_the_context_does():
    plain = study_fields(StudyContext(campaign="c", system="s"), "emt", "EMT 1", {"a": 1}, {"bulk": "b"})
    assert (plain["variant"], plain["settings"], "adsorbate" in plain) == ({}, {"a": 1}, False)
    told = SubjectContext(campaign="c", system="s", variant={"layers": 5}, prescreen=PrescreenSettings("mlip"))
    screened = study_fields(told, "emt", "EMT 1", {"a": 1}, {"bulk": "b"})
    assert screened["settings"]["prescreen"]["backend"] == "mlip"
    assert screened["variant"] == {"layers": 5}
    assert screened["settings_hash"] != plain["settings_hash"]


def test_jobs_that_put_others_in_their_place_have_no_schema():
    """With one, a job that a flow stands in for would fail: jobflow holds the reference to its output against it."""
    import inspect
    import pkgutil
    from importlib import import_module

    import anodeflow.studies as rooms
    from anodeflow.studies.document import StudyDoc

    seen = 0
    for module in pkgutil.walk_packages(rooms.__path__, "anodeflow.studies."):
        for each in vars(import_module(module.name)).values():
            original = getattr(each, "original", None)
            if original is None or original.__module__ != module.name:
                continue
            seen += 1
            schema = inspect.getclosurevars(each.__wrapped__).nonlocals["job_kwargs"].get("output_schema")
            assert schema is None or issubclass(schema, StudyDoc), (module.name, original.__name__)
            assert schema is None or inspect.signature(original).return_annotation is schema, original.__name__
    assert seen > 30


def test_an_option_is_declared_once():
    """What is an option of a study's input is no field of its Maker or of its context."""
    from dataclasses import fields
    from importlib import import_module

    from jobflow import Maker

    seen = 0
    for name, study in studies().items():
        if study.Input is None:
            continue
        options = set(study.Input.model_fields) - {"prescreen"}
        for module in ("flow", "context"):
            try:
                found = import_module(f"anodeflow.studies.{name}.{module}")
            except ModuleNotFoundError:
                continue
            for each in vars(found).values():
                ours = isinstance(each, type) and issubclass(each, Maker | StudyContext)
                if ours and each.__module__ == found.__name__:
                    twice = {field.name for field in fields(each) if "Maker" not in str(field.type)} & options
                    assert not twice, f"{name}: {each.__name__} declares {twice}"
                    seen += 1
    assert seen > 12


def test_makers_of_modes_agree_with_the_input(home):
    makers = Makers(load_backend("emt"))
    maker = DiffusionMaker(makers.relax(), makers.static(), makers.neb())
    with pytest.raises(InputError, match="the input asks for modes of saddles, and there is no Maker of modes"):
        maker.make(adsorption_document())
