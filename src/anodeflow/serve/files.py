"""Documents and structures as files."""

import json
import re
from typing import TYPE_CHECKING, Any

from anodeflow.serve.services import missing

if TYPE_CHECKING:
    from starlette.responses import Response


def json_file(document: Any, name: str) -> "Response":
    """Return a document as a file of JSON."""
    from monty.json import jsanitize
    from starlette.responses import Response

    text = json.dumps(jsanitize(document, strict=True), indent=1)
    return Response(text, media_type="application/json", headers=attachment(name, "json"))


def structure_file(document: Any, name: str, title: str) -> "Response":
    """Return a structure of a document as a file; `name` ends with its format. ``all.extxyz``: all in one."""
    from starlette.responses import Response

    from anodeflow.serve.structures import FORMATS, frames, structures, written

    own, _, kind = name.rpartition(".")
    there = structures(document)
    if kind not in FORMATS or not (own in there or (own, kind) == ("all", "extxyz")):
        return missing(
            f"The document has no structure {name}: its structures are {', '.join(there)}, as .cif or .extxyz."
        )
    text = written(there[own], kind) if own in there else frames(list(there.values()))
    return Response(text, media_type="chemical/x-cif" if kind == "cif" else "chemical/x-xyz",
                    headers=attachment(f"{title}-{own}", kind))  # fmt: skip


def attachment(name: str, suffix: str) -> dict[str, str]:
    """Return the header that makes a browser save what it gets under a name of plain letters."""
    plain = "-".join(re.findall(r"[A-Za-z0-9.]+", name))[:100] or "anodeflow"
    return {"Content-Disposition": f'attachment; filename="{plain}.{suffix}"'}
