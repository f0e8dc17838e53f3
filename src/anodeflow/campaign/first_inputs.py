"""The input files of the calculations with which a campaign begins: those that wait for no other."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anodeflow.backends.base import Backend
from anodeflow.calculations.request import Request
from anodeflow.core.errors import InputError
from anodeflow.core.whole import whole_place
from anodeflow.studies.plan import PlannedCalculation

LIST = "inputs.json"
"""File that says what lies in which folder, and by which an earlier folder is known."""
_LONGEST = 100


def write_first_inputs(target: Path, planned: Sequence[PlannedCalculation], force: bool = False) -> list[str]:
    """Write the input files of every calculation that waits for no other, a folder each.

    What waits for others begins at a geometry that only they give; potentials, which go before, read no files.

    Parameters
    ----------
    target
        New folder, or an empty one.
    planned
        Calculations of the campaign.
    force
        Replace a folder that was written by this function.

    Returns
    -------
    list of str
        Names of the folders in `target`.

    Raises
    ------
    InputError
        If there is something there already, it cannot be written, or the backend reads no files.
    """
    first: list[tuple[PlannedCalculation, Backend, Request]] = [
        (each, each.by, each.request)
        for each in planned
        if not each.after and not each.prescreen and each.by is not None and each.request is not None
    ]
    if not first:
        raise InputError("every calculation of the backend waits for another one: there are no first input files.")
    target = target.absolute()
    if target.resolve() == Path.cwd():  # whoever stands in a folder keeps it
        raise InputError(f"{target} is the folder that the command is given in: name a new one in it.")
    empty = target.is_dir() and not any(target.iterdir())
    if target.exists() and not empty and not (force and (target / LIST).is_file()):
        if force:
            raise InputError(f"{target} holds other things than input files, which stay: name another folder.")
        raise InputError(f"there is {target} already: name another folder, or replace one of inputs with --force.")
    written: list[dict[str, Any]] = []
    try:
        with whole_place(target) as draft:
            draft.mkdir()
            for number, (each, backend, request) in enumerate(first, start=1):
                # Labels hold blanks, parentheses and whatever else a system may be called.
                slug = re.sub(r"[^\w.+-]+", "-", each.label)[:_LONGEST].strip("-.")
                folder = f"{number:0{len(str(len(first)))}}-{slug}"
                (draft / folder).mkdir()
                backend.write_inputs(request, draft / folder)
                files = sorted(file.name for file in (draft / folder).iterdir())
                written.append(
                    {"folder": folder, "label": each.label, "task": each.task, "backend": backend.name, "files": files}
                )
            (draft / LIST).write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {target} ({error.strerror}): name another folder.") from error
    return [each["folder"] for each in written]
