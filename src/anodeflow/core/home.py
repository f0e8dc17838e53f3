"""Where anodeflow is at home, as its package says: `Homepage` under `[project.urls]` of pyproject.toml."""

from importlib.metadata import PackageNotFoundError, metadata


def homepage() -> str:
    """Return the address of anodeflow's page; empty: its package names none."""
    try:
        named = metadata("anodeflow").get_all("Project-URL") or []
    except PackageNotFoundError:  # its source alone
        return ""
    pages = {label.strip().lower(): page.strip() for label, _, page in (each.partition(",") for each in named)}
    return pages.get("homepage", "")
