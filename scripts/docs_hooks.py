"""What the site of the manual has besides docs/*.md: reference pages, and the files that pages link to."""

import re
import types
import typing
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

ROOT = Path(__file__).parents[1]
_OUTSIDE = re.compile(r"\]\(\.\./([\w./-]+)\)")
_BOLD = re.compile(r"\[/?bold\]")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and the files outside of docs/ that pages link to."""
    pages = {"campaign": campaign, "backends": backends, "commands": commands, "catalogue": crystals, "python": python}
    for name, write in pages.items():
        files.append(File.generated(config, f"reference/{name}.md", content=write()))
    linked = {path for page in Path(config.docs_dir).glob("*.md") for path in _OUTSIDE.findall(page.read_text())}
    for path in sorted(linked):
        files.append(File.generated(config, f"files/{path}", content=(ROOT / path).read_text()))
    return files


def on_page_markdown(markdown: str, page: Any, **others: Any) -> str:
    """Let links that lead out of docs/ lead to the copies on the site."""
    generated = page.file.src_uri.startswith("reference/")
    return markdown if generated else _OUTSIDE.sub(r"](files/\1)", markdown)


# --- keys ---


def campaign() -> str:
    """Every key of a campaign file, from the models that read it."""
    from anodeflow.campaign.model import Campaign
    from anodeflow.screening.campaign import PrescreenInput
    from anodeflow.studies.registry import studies
    from anodeflow.studies.subjects.systems import InterfaceSystem, System

    parts = [
        "# Keys of a campaign\n\n"
        "Made from the models that read campaign files. [Campaign files](../campaigns.md) explains them.\n",
        "## The campaign\n\n" + keys(Campaign),
        "## A surface (`systems`)\n\n" + keys(System),
        "## An interface (`interfaces`)\n\n" + keys(InterfaceSystem),
        "## `prescreen`\n\n" + keys(PrescreenInput),
    ]
    for name, study in sorted(studies().items()):
        if study.Input is not None:
            needs = ", ".join(f"`{each}`" for each in sorted(study.needs))
            about = f"{study.summary} Made on: {study.subject}. Asks of a backend: {needs}."
            parts.append(f"## `{name}`\n\n{about}\n\n{keys(study.Input)}")
    return "\n\n".join(parts)


def backends() -> str:
    """Every setting of every code."""
    from anodeflow.backends.registry import backend_class, codes, shipped_backends

    shipped = ", ".join(f"`{name}`" for name in shipped_backends())
    parts = [
        "# Settings of backends\n\n"
        "Made from the models that read backend files. [Backends](../backends.md) explains them. "
        f"Shipped files: {shipped}.\n"
    ]
    for code in sorted(codes()):
        kind = backend_class(code)
        parts.append(f"## `code: {code}`\n\n{keys(kind)}")
        for name in ("settings", "relaxation", "path", "resources", "parallel"):
            field = kind.model_fields.get(name)
            if field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                parts.append(f"### `{name}` of {code}\n\n{keys(field.annotation)}")
    return "\n\n".join(parts)


def keys(kind: type[BaseModel]) -> str:
    """A table of the fields of a model: key, what it takes, default, what it means."""
    lines = ["| key | takes | default | meaning |", "|---|---|---|---|"]
    for name, field in kind.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        unit = f" Unit: {extra['unit']}." if extra.get("unit") else ""
        limits = " ".join(_limit(each) for each in field.metadata if _limit(each))
        takes = f"{_type(field.annotation)} {limits}".strip()
        text = (field.description or "").replace("\n", " ").replace("|", "\\|")
        lines.append(f"| `{name}` | {takes} | {_default(field)} | {text}{unit} |")
    return "\n".join(lines)


def _limit(limit: Any) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "pattern": "pattern", "max_length": "length ≤"}
    found = [f"{sign} {getattr(limit, name)}" for name, sign in signs.items() if getattr(limit, name, None) is not None]
    return " ".join(text for text in found if not text.startswith("pattern")).replace("|", "\\|")


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined or value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "below"
    return f"`{value}`".replace("|", "\\|") if value not in ("", [], {}, ()) else "empty"


def _type(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(arguments[0])
    if origin is typing.Literal:
        return ", ".join(f"`{each}`" for each in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(each) for each in arguments if each is not type(None))
    if origin in (list, tuple, set, frozenset):
        inner = ", ".join(dict.fromkeys(_type(each) for each in arguments if each is not Ellipsis))
        return f"list of {inner}"
    if origin is dict:
        return f"mapping of {_type(arguments[0])} to {_type(arguments[1])}"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "anything", Path: "path"}
    if annotation in names:
        return names[annotation]
    return f"`{getattr(annotation, '__name__', annotation)}`"


# --- commands ---


def commands() -> str:
    """Every command with its options, from the command line itself."""
    import typer.main

    from anodeflow.cli import app
    from anodeflow.cli import commands as registered  # noqa: F401

    root = typer.main.get_command(app)
    parts = ["# Commands\n\nMade from the command line itself: `anodeflow COMMAND --help` says the same.\n"]
    for name, command in sorted(root.commands.items()):  # type: ignore[attr-defined]
        parts += _command(f"anodeflow {name}", command, 2)
    return "\n\n".join(parts)


def _command(name: str, command: Any, level: int) -> list[str]:
    if getattr(command, "hidden", False):
        return []
    text = _BOLD.sub("`", (command.help or "").strip())
    parts = [f"{'#' * level} `{name}`\n\n{text}"]
    rows = []
    for each in command.params:
        spelt = ", ".join(f"`{option}`" for option in each.opts) if each.opts[0].startswith("-") else f"`{each.name}`"
        said = _BOLD.sub("`", getattr(each, "help", "") or "").replace("|", "\\|").replace("\n", " ")
        if said and "--help" not in each.opts:
            rows.append(f"| {spelt} | {said} |")
    if rows:
        parts.append("| option | |\n|---|---|\n" + "\n".join(rows))
    for sub, other in sorted(getattr(command, "commands", {}).items()):
        parts += _command(f"{name} {sub}", other, level + 1)
    return parts


# --- crystals, Python ---


def crystals() -> str:
    """The catalogue, with where its numbers come from."""
    from anodeflow.structures.bulk.catalogue import shipped

    rows = [
        f"| `{name}` | {entry.formula} | {entry.space_group} | {entry.source} |".replace("\n", " ")
        for name, entry in sorted(shipped().items())
    ]
    head = "# Catalogue of crystals\n\nCrystals that campaigns know by name. Calculations relax them first.\n"
    return head + "\n| name | formula | space group | source |\n|---|---|---|---|\n" + "\n".join(rows)


def python() -> str:
    """The public names, by mkdocstrings."""
    import anodeflow

    def address(name: str) -> str:
        module = anodeflow._PUBLIC.get(name, "anodeflow.report.public")
        # What a campaign can be asked stands in the class below the one that runs.
        options = "\n    options:\n      inherited_members: true" if name == "Campaign" else ""
        return f"::: {module}.{name}{options}"

    names = [name for name in anodeflow.__all__ if name != "__version__"]
    head = "# Python\n\nEach of these is `anodeflow.NAME`; [From Python](../python.md) shows them in use.\n"
    return head + "\n\n" + "\n\n".join(address(name) for name in names)
