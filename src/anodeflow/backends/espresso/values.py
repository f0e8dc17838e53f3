"""Of which kind the values of pw.x's own keywords are, after its INPUT_PW (QE 7): Fortran reads no other."""

from typing import Any

from anodeflow.backends.extra import NUMBER, TEXT, TRUE_OR_FALSE, WHOLE, check_choice, check_kind, check_line

_KINDS = {
    TRUE_OR_FALSE: (
        "ace adaptive_thr block dftd3_threebody diago_full_acc diago_rmm_conv dmft ensemble_energies lforcet "
        "lkpoint_dir london lorbm real_space relaxz rhombohedral sic_energy tqr ts_vdw_isolated uniqueb wf_collect "
        "x_gamma_extrapolation xdm"
    ),
    WHOLE: (
        "dftd3_version diago_cg_maxiter diago_david_ndim diago_gs_nblock diago_ppcg_maxiter diago_rmm_ndim esm_nfit "
        "exx_maxstep gdir iprint mixing_fixed_ns mixing_ndim nberrycyc nbnd nextffield nppstr nqx1 nqx2 nqx3 nr1 nr1s "
        "nr2 nr2s nr3 nr3s origin_choice report"
    ),
    NUMBER: (
        "block_1 block_2 block_height conv_thr_init conv_thr_multi diago_thr_init ecfixed ecutfock ecutvcut "
        "efield_cart esm_efield esm_w exx_fraction hubbard_alpha hubbard_beta hubbard_occ lambda localization_thr "
        "london_c6 london_rcut london_rvdw london_s6 mixing_beta q2sigma qcutz sci_cb sci_vb screening_parameter "
        "sic_gamma starting_ns_eigenvalue ts_vdw_econv_thr xdm_a1 xdm_a2 zgate"
    ),
    TEXT: "diagonalization dmft_prefix efield_phase esm_bc exxdiv_treatment mixing_mode pol_type startingwfc vdw_corr",
}
_KIND_OF = {key: kind for kind, keys in _KINDS.items() for key in keys.split()}
_CHOICES = {
    "diagonalization": ("david", "davidson", "cg", "ppcg", "paro", "rmm-davidson", "rmm-paro", "cg-serial"),
    "exxdiv_treatment": ("gygi-baldereschi", "vcut_spherical", "vcut_ws", "none"),
    "mixing_mode": ("plain", "TF", "local-TF"),
    "startingwfc": ("atomic", "atomic+random", "random"),
    "vdw_corr": ("grimme-d2", "grimme-d3", "dft-d", "dft-d3", "ts", "ts-vdw", "mbd", "mbd_vdw", "xdm"),
}
_ABOVE_ZERO = ("mixing_beta", "mixing_ndim", "nbnd", "diago_david_ndim")


def check_value(key: str, value: Any) -> None:
    """Raise ValueError for a value that pw.x would not read as its keyword, or as more than that.

    Parameters
    ----------
    key
        Keyword in lower case, without an index.
    value
        Its value, as YAML has it.
    """
    check_line(key, value, "'\"!&")
    if key in _KIND_OF:
        check_kind(key, value, _KIND_OF[key])
    if key in _ABOVE_ZERO and value <= 0:
        raise ValueError(f"{key} is above 0")
    if key in _CHOICES:
        check_choice(key, value, _CHOICES[key])
