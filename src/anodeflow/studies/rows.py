"""One property of one study: the row that ``anodeflow query`` prints."""

from pydantic import Field

from anodeflow.core.version import Versioned


class ResultRow(Versioned):
    """One number with its unit, and the way back to the calculations that it rests on."""

    campaign: str = Field(description="Name of the campaign.")
    system: str = Field(description="Name of the system in the campaign, Li(001) for one.")
    study: str = Field(description="Name of the study: adsorption, charge, diffusion ...")
    property: str = Field(description="Name of the property: binding_energy, barrier_forward ...")
    label: str = Field(default="", description="Which of several: the site, the depth, the stop.")
    value: float = Field(description="The number, in `unit`.")
    unit: str = Field(description="Unit of the value: eV, e, Å ...")
    temperature: float | None = Field(
        default=None, description="Temperature that the value holds for, K; none: it has none."
    )
    backend: str = Field(description="Name of the backend file.")
    settings_hash: str = Field(description="Hash of the settings that all calculations shared.")
    document_id: str = Field(description="Id of the study document.")
    adsorbate: str = Field(
        default="", description="Element of the adatom, or of the atom that moves or is taken out; empty: none."
    )
    edition: str = Field(
        default="", description="Edition of the campaign (hash of what its file asks for); empty: from before editions."
    )
    calculation_ids: list[str] = Field(description="Ids of the calculations that the number rests on.")
    warnings: list[str] = Field(default_factory=list, description="What a reader of the study's numbers should know.")
    warning_codes: list[str] = Field(
        default_factory=list,
        description="Code of each of the warnings; empty: of a document from before there were codes.",
    )
