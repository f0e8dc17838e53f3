"""One property of one study: the row that ``anodeflow query`` prints."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from anodeflow.core.version import Versioned


class ResultRow(Versioned):
    """One number with its unit, and the way back to the calculations that it rests on."""

    campaign: str = Field(description="Name of the campaign.")
    system: str = Field(description="Name of the system in the campaign, Li(001) for one.")
    study: str = Field(description="Name of the study: adsorption, charge, diffusion ...")
    property: str = Field(description="Name of the property: binding_energy, barrier_forward ...")
    label: str = Field(default="", description="Which of several: the site, the depth, the stop.")
    part: str = Field(
        default="", description="What of the study it is about, where that is numbered: site, hop; empty: the whole."
    )
    part_number: int | None = Field(default=None, description="Its number in the document; none: see `part`.")
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


def csv_cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cells of a row (column -> value) for a CSV file: ids with blanks between them, warnings with bars."""
    texts = {name: " | ".join(row[name]) for name in ("warnings", "warning_codes")}
    return {**row, "calculation_ids": " ".join(row["calculation_ids"]), **texts}
