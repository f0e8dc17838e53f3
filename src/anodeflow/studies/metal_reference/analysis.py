"""Binding on a surface less binding on the adatom's own metal: two adsorption studies become one number."""

from collections.abc import Mapping
from typing import Any

from anodeflow.core.caveats import GO_ALONG, Caveat
from anodeflow.structures.geometry.positions import image_distance
from anodeflow.studies.about import study_fields
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.context import AdatomContext
from anodeflow.studies.inputs import AdatomInput
from anodeflow.studies.metal_reference.document import ComparedSurface, MetalReferenceDoc
from anodeflow.studies.potentials import OF_POTENTIALS
from anodeflow.studies.shared.references import of_lattice

_OF_THE_SLAB = ("layers", "thickness", "vacuum", "min_width", "fixed_layers")


def metal_reference_document(surface: AdsorptionDoc, metal: AdsorptionDoc) -> MetalReferenceDoc:
    """Return the document of the comparison.

    Parameters
    ----------
    surface, metal
        Adsorption of the same adatom on a surface, and on its own metal.

    Returns
    -------
    MetalReferenceDoc
        Its warnings name the settings in which the two studies differ, and pass on that an adatom is no adsorbed one.
    """
    own, other = _compared(surface), _compared(metal)
    study = AdatomContext(
        campaign=surface.campaign,
        system=surface.system,
        reference=surface.reference,
        input=AdatomInput(adsorbate=surface.adsorbate),
    )
    identifiers = {
        "adatom": surface.calculation_ids[surface.sites[surface.most_stable].step],
        "slab": surface.calculation_ids["slab"],
        "metal: adatom": metal.calculation_ids[metal.sites[metal.most_stable].step],
        "metal: slab": metal.calculation_ids["slab"],
    }
    settings = {"surface": surface.settings, "metal": metal.settings}
    return MetalReferenceDoc(
        **study_fields(study, surface.backend, surface.code, settings, identifiers),
        warnings=_warnings(surface, metal),
        surface=own,
        metal=other,
        binding_energy_vs_metal=own.adsorption_energy - other.adsorption_energy,
    )


def slab_differences(slab: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return in what two slabs differ beside plane and termination: ``layers 6 and 4``."""
    names = [name for name in _OF_THE_SLAB if slab.get(name) != other.get(name)]
    return [f"{name} {_said(slab.get(name))} and {_said(other.get(name))}" for name in names]


def _compared(document: AdsorptionDoc) -> ComparedSurface:
    best = document.sites[document.most_stable]
    return ComparedSurface(
        system=document.system,
        document_id=document.document_id,
        site=best.site,
        label=best.final_label,
        adsorption_energy=best.binding_energy + document.atom_energy,
        layers=(document.settings.get("slab") or {}).get("layers"),
        width=image_distance(document.slab.lattice),
    )


def _warnings(surface: AdsorptionDoc, metal: AdsorptionDoc) -> list[Caveat]:
    here, there = surface.settings, metal.settings
    different = slab_differences(here.get("slab") or {}, there.get("slab") or {})
    ours, theirs = here.get("calculation") or {}, there.get("calculation") or {}
    keys = [key for key in dict.fromkeys([*ours, *theirs]) if ours.get(key) != theirs.get(key)]
    different += [f"{key} {_said(ours.get(key))} and {_said(theirs.get(key))}" for key in keys]
    if here.get("spin_polarized") != there.get("spin_polarized"):
        different.append("only one of them is spin-polarised")
    told = []
    if different:
        told.append(
            Caveat(
                "computed-differently",
                f"{surface.system} and {metal.system} are not computed alike: {', '.join(different)}",
            )
        )
    for document in (surface, metal):
        told += [each.under(document.system) for each in document.warnings if each.code in OF_POTENTIALS | GO_ALONG]
        told += [each.under(document.system) for each in of_lattice(document)]
        best = document.sites[document.most_stable]
        if best.state not in ("stayed", "moved"):
            text = f"the adatom has {best.state}, so this is no adsorption"
            told.append(Caveat("adatom-not-on-surface", text).under(document.system))
        if not best.converged:
            text = "the relaxation of the most stable site did not converge"
            told.append(Caveat("not-converged", text).under(document.system))
    return told


def _said(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
