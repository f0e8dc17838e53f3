"""Loads files of potentials without running what a stranger put into them.

A checkpoint of torch is a pickle, and unpickling runs whatever its author wrote. torch can read one for its numbers
alone (``weights_only``); what needs more has to be trusted by the user first.
"""

from pathlib import Path
from shlex import quote
from typing import Any

from anodeflow.core.errors import InputError


def check_checkpoint(path: Path, trusted: bool) -> None:
    """Raise InputError unless a file of a potential can be loaded without running code of its author's, or is trusted.

    Parameters
    ----------
    path
        File of the potential.
    trusted
        Whether the user has said that it may run (:func:`anodeflow.backends.trust.is_trusted_model`).
    """
    if trusted:
        return
    import torch

    try:
        with torch.serialization.safe_globals(_arrays()):
            torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"there is no file {path} of a potential: correct its name in the backend file.") from None
    except Exception as error:  # torch's, pickle's and zipfile's, of many kinds
        if not _is_checkpoint(path):
            raise InputError(f"{path} is no checkpoint of torch: take a whole copy of the model.") from error
        raise InputError(
            f"{path} holds more than numbers{_what(path)}, and loading it runs whatever its author put in: if you know "
            f"where it comes from, allow it with anodeflow trust {quote(str(path))}."
        ) from error


def _is_checkpoint(path: Path) -> bool:
    """Return whether a file begins as torch's do: as a ZIP archive, or as a pickle."""
    with path.open("rb") as stream:
        return stream.read(2) in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def _arrays() -> list[Any]:
    """What an array of numpy is unpickled by (checkpoints of SevenNet hold some): it makes arrays, and nothing else."""
    import numpy as np
    from numpy._core.multiarray import _reconstruct

    kinds = {type(np.dtype(code)) for code in np.typecodes["All"]}
    return [
        *((_reconstruct, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
        np.ndarray,
        np.dtype,
        *kinds,
    ]


def _what(path: Path) -> str:
    """Say what a checkpoint names besides numbers, where torch can tell without loading it."""
    import torch

    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # no file of torch's at all
        return ""
    known = {name if isinstance(name, str) else f"{name.__module__}.{name.__qualname__}" for name in names}
    return f" ({', '.join(sorted(known))[:120]})" if known else ""
