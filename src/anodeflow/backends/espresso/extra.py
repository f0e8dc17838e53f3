"""Keywords of pw.x that a backend file may give (`extra`), by namelist."""

import re
from typing import Any

from anodeflow.backends.espresso.values import check_value
from anodeflow.backends.extra import refuse, unknown

_SPIN = "the moments of the structure (spin_polarized of a system)"
_TASK = "anodeflow, which starts pw.x for one geometry at a time"
_DIPOLE = "the setting dipole_correction"
_CELL = "the structure"
_NEUTRAL = "the studies, whose cells are neutral"
_SMEARING = "the setting smearing_width"
_SYMMETRY = "the structure, of which fixed atoms count"
_INDEXED = re.compile(r"[a-z0-9_]+(\( ?\d+( ?, ?\d+){0,2} ?\))?")
TAKEN: dict[str, dict[str, str]] = {
    "control": {
        **dict.fromkeys(
            ("calculation", "prefix", "outdir", "wfcdir", "restart_mode", "nstep", "tprnfor", "tstress", "disk_io"),
            _TASK,
        ),
        **dict.fromkeys(("forc_conv_thr", "etot_conv_thr", "dt", "max_seconds", "verbosity", "title"), _TASK),
        "pseudo_dir": "the setting pseudopotential_folder",
        **dict.fromkeys(("tefield", "dipfield", "lelfield", "lberry", "gate"), _DIPOLE),
        "lfcp": _NEUTRAL,
        "trism": "the studies, which are without a solvent",
    },
    "system": {
        **dict.fromkeys(
            ("ibrav", "celldm", "a", "b", "c", "cosab", "cosac", "cosbc", "nat", "ntyp", "space_group"), _CELL
        ),
        "ecutwfc": "the setting cutoff",
        "ecutrho": "the setting density_cutoff",
        **dict.fromkeys(("occupations", "smearing", "degauss", "degauss_cond", "nelec_cond", "nbnd_cond"), _SMEARING),
        **dict.fromkeys(("twochem", "one_atom_occupations"), _SMEARING),
        **dict.fromkeys(("lgcscf", "gcscf_mu", "gcscf_conv_thr", "gcscf_beta"), _NEUTRAL),
        **dict.fromkeys(
            (
                *("nspin", "noncolin", "lspinorb", "starting_magnetization", "tot_magnetization", "angle1", "angle2"),
                *("constrained_magnetization", "fixed_magnetization", "starting_spin_angle"),
            ),
            _SPIN,
        ),
        "tot_charge": _NEUTRAL,
        "starting_charge": _NEUTRAL,
        "input_dft": "the pseudopotentials, whose functional is the one that is computed with",
        "assume_isolated": "the structure, which says what is periodic",
        **dict.fromkeys(("edir", "eamp", "emaxpos", "eopreg"), _DIPOLE),
        **dict.fromkeys(("nosym", "nosym_evc", "noinv", "no_t_rev", "force_symmorphic", "use_all_frac"), _SYMMETRY),
    },
    "electrons": {
        "conv_thr": "the setting scf_tolerance",
        "electron_maxstep": "the setting max_scf_cycles",
        "startingpot": _TASK,
        "scf_must_converge": "anodeflow, which goes through recovery steps",
        "efield": _DIPOLE,
    },
}
"""Namelist -> keyword -> what decides it."""


def checked(extra: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return keywords of pw.x by namelist, in lower case.

    Raises
    ------
    ValueError
        For one that another setting or the task decides, or that pw.x does not have, or a value of another kind than
        pw.x reads.
    """
    from ase.io.espresso_namelist.keys import pw_keys

    found: dict[str, dict[str, Any]] = {}
    for name, keywords in extra.items():
        namelist = name.lower().strip("&")
        if namelist not in TAKEN:
            raise unknown(name, TAKEN, "pw.x", "namelist")
        if not isinstance(keywords, dict):
            raise ValueError(f"{name} is a namelist: give its keywords, {{electrons: {{mixing_ndim: 12}}}}")
        lower = {str(key).lower(): value for key, value in keywords.items()}
        plain = {key: key.partition("(")[0] for key in lower}
        refuse(TAKEN[namelist], plain.values(), "pw.x")
        known = {key.partition("(")[0] for key in pw_keys[namelist]}
        for key in plain.values():
            if key not in known:
                raise unknown(key, known - TAKEN[namelist].keys(), f"pw.x, in its namelist {namelist},")
        for key, value in lower.items():
            if not _INDEXED.fullmatch(key):
                raise ValueError(f"{key!r} is no keyword of pw.x: write name, or name(1) for one element of a list")
            check_value(plain[key], value)
        found[namelist] = lower
    return found
