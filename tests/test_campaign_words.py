"""Whatever a campaign file says: it becomes a campaign, or one sentence a line."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anodeflow.campaign.model import Campaign
from anodeflow.core.errors import InputError
from anodeflow.structures.bulk.cif_file import read_cif
from anodeflow.structures.bulk.poscar_file import read_poscar

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["all", "Li", "Al", "emt"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SYSTEM = st.dictionaries(
    st.sampled_from(["name", "structure", "miller", "layers", "vacuum", "min_width", "termination", "settings", "odd"]),
    VALUES,
)
STUDY = st.dictionaries(
    st.sampled_from(["adsorption", "charge", "diffusion", "vacancy", "orderings", "odd"]),
    st.dictionaries(st.sampled_from(["adsorbate", "systems", "sites", "images", "convergence", "atom_box"]), VALUES),
)
FILES = st.fixed_dictionaries(
    {"name": VALUES, "backend": VALUES, "studies": st.lists(STUDY, max_size=2) | VALUES},
    optional={"systems": st.lists(SYSTEM, max_size=2) | VALUES, "references": VALUES, "interfaces": VALUES},
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=FILES)
def test_any_mapping_is_a_campaign_or_a_sentence(tmp_path, content):
    from ruamel.yaml import YAML

    file = tmp_path / "campaign.yaml"
    with open(file, "w", encoding="utf-8") as stream:
        try:
            YAML(typ="safe").dump(content, stream)
        except Exception:  # a text that YAML itself cannot write
            return
    with suppress(InputError):  # nothing else may come out
        Campaign.from_file(file)


LINES = st.lists(
    st.sampled_from(
        [
            *("data_x", "loop_", "_cell_length_a 3", "_cell_length_b 3", "_cell_length_c 3", "_cell_angle_alpha 90"),
            *("_cell_angle_beta 90", "_cell_angle_gamma 90", "_atom_site_label", "_atom_site_type_symbol"),
            *("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z", "_atom_site_occupancy"),
            *(
                "Li1 Li 0 0 0 1",
                "Li1 0 0 0",
                "'",
                ";",
                "_symmetry_Int_Tables_number 229",
                "1.0",
                "3 0 0",
                "0 3 0",
                "0 0 3",
            ),
            *("Li Mg", "1 1", "Direct", "0 0 0", "0.5 0.5 0.5", "nan 0 0", "-1", "", "#", "1e400 0 0", "9" * 30),
        ]
    ),
    max_size=24,
)


@settings(max_examples=150, deadline=None)
@given(lines=LINES)
def test_readers_read_or_refuse(lines):
    text = "\n".join(lines)
    for reader in (read_cif, read_poscar):
        with suppress(ValueError, KeyError, IndexError, OverflowError):  # read_crystal makes a sentence of these
            structure, _ = reader(text)
            assert len(structure) > 0
