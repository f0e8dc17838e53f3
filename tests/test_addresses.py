"""Content addresses that anodeflow 0.1 gave: whatever was computed by then is found again."""

import pytest
from pymatgen.core import Lattice, Structure

from anodeflow.backends.base import Backend
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.request import Request

# Made by the code of November 2026; a change of one of these lets every finished calculation of its kind run again.
ADDRESSES = [
    ("gpaw-surfaces", "relax", "b45dc5e71bac85899543"),
    ("gpaw-surfaces", "relax_cell", "9a367e8143820cb4f067"),
    ("gpaw-surfaces", "static", "7e388264242dd2b6716e"),
    ("gpaw-surfaces", "density", "cd688e5f0819d668fa01"),
    ("gpaw-surfaces", "neb", "3ec9bb7148ae22da911e"),
    ("mlip", "relax", "1760dffb1ede75ee075f"),
    ("mlip", "relax_cell", "bb850448c9304edfb2a4"),
    ("mlip", "static", "f54d0029f27d8474e3b2"),
    ("mlip", "density", "1697de4896419c4b8fa1"),
    ("mlip", "neb", "0239177a762640bf9f2f"),
    ("emt", "relax", "363d5b9f42ed924f0757"),
    ("emt", "relax_cell", "823826f4a2f1dcea38c2"),
    ("emt", "static", "a626ea1e3dbe8f685762"),
    ("emt", "density", "568db28e351e0700a747"),
    ("emt", "neb", "2b89397c9eacbbb02251"),
    ("cp2k-standard", "relax", "525a72236bd9748630a5"),
    ("cp2k-standard", "relax_cell", "99cb0e9eb6edaa0f8e40"),
    ("cp2k-standard", "static", "62c5a1590994d40878ec"),
    ("cp2k-standard", "density", "8f0ea9ea91459b47413e"),
    ("cp2k-standard", "neb", "1d35d1e8b191798823e8"),
    ("vasp-standard", "relax", "0bb2a9672fe92d6c09b8"),
    ("vasp-standard", "relax_cell", "27f13fb4d9bb6a883831"),
    ("vasp-standard", "static", "a101917c73c11849261d"),
    ("vasp-standard", "density", "73db796cd1025745a237"),
    ("vasp-standard", "neb", "05e5c0390a9efe8786df"),
]


def requests() -> dict[str, Request]:
    corners = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    crystal = Structure(Lattice.cubic(4.05), ["Al"] * 4, corners)
    crystal.add_site_property("selective_dynamics", [[False] * 3] + [[True] * 3] * 3)
    middle, final = crystal.copy(), crystal.copy()
    middle.translate_sites([3], [0, 0, 0.25])
    final.translate_sites([3], [0, 0, 0.5])
    path = {"energies": [0.0, 0.0], "settings": {"images": 1}, "symmetry": None}
    return {
        "relax": Request("relax", crystal),
        "relax_cell": Request("relax_cell", crystal),
        "static": Request("static", crystal),
        "density": Request("density", crystal, options={"grid_spacing": 0.07}),
        "neb": Request("neb", crystal, (crystal, middle, final), path),
    }


@pytest.mark.parametrize(("name", "task", "address"), ADDRESSES)
def test_finished_calculations_are_found_again(monkeypatch, name, task, address):
    backend: Backend = load_backend(name)
    monkeypatch.setattr(type(backend), "version", lambda self: "1")  # whatever is installed here
    assert backend.address(requests()[task]) == address
