"""A small campaign with EMT that has been run: what is exported and served."""

from pathlib import Path

import pytest

from anodeflow import Campaign

POSCAR = "Al\n4.05\n1 0 0\n0 1 0\n0 0 1\nAl\n4\nDirect\n0 0 0\n0 0.5 0.5\n0.5 0 0.5\n0.5 0.5 0\n"
CAMPAIGN = """
name: al
description: Al on Al(001).
reference: 10.1002/adfm.202009712
backend: emt
references: {Al: ./Al.vasp}
systems:
  - {name: Al(001), structure: ./Al.vasp, miller: [0, 0, 1], layers: 3, fixed_layers: 1, vacuum: 12, min_width: 5}
studies:
  - adsorption: {adsorbate: Al, systems: [Al(001)]}
"""


def run_campaign_in(folder: Path) -> Path:
    """Run the campaign in a home of its own, `home` in the folder; return the folder."""
    (folder / "Al.vasp").write_text(POSCAR)
    (folder / "al.yaml").write_text(CAMPAIGN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANODEFLOW_HOME", str(folder / "home"))
        patch.setenv("ANODEFLOW_EMBEDDED", "sqlite")
        patch.delenv("ANODEFLOW_DATABASE", raising=False)
        Campaign.from_file(folder / "al.yaml").run()
    return folder
