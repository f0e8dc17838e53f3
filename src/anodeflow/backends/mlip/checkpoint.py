"""Loads files of potentials without running what a stranger put into them.

A checkpoint of torch is a pickle, and unpickling runs whatever its author wrote. torch can read one for its numbers
alone (``weights_only``); what needs more has to be trusted by the user first.
"""

from pathlib import Path

from anodeflow.core.errors import InputError


def check_checkpoint(path: Path, trusted: bool) -> None:
    """Raise InputError unless a file of a potential can be loaded without running code of its author's, or is trusted.

    Parameters
    ----------
    path
        File of the potential.
    trusted
        Whether the user has said that it may run (:func:`anodeflow.backends.trust.is_trusted`, or `run` itself).
    """
    if trusted:
        return
    import torch

    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"there is no file {path} of a potential: correct its name in the backend file.") from None
    except Exception as error:  # torch's, pickle's and zipfile's, of many kinds
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"{path} holds more than numbers, and loading it runs whatever its author put in ({reason}): if you know "
            "where it comes from, allow it with anodeflow trust and the backend file that names it."
        ) from error
