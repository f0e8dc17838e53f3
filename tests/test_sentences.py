"""Sentences of the manual are short: thirty words are enough for one."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING")),
]
MOST = 30
_ITEM = re.compile(r"^\s*([-*]|\d+\.|:) +")
_END = re.compile(r"(?<=[.!?:;])\s+(?=[A-Z`\[*(0-9])|(?<=[.!?]\))\s+")
_WORD = re.compile(r"[A-Za-z0-9][\w'/.,−-]*")


def paragraphs(text: str) -> Iterator[str]:
    """Yield paragraphs and items; no code, tables or headings."""
    lines: list[str] = []
    for line in re.sub(r"```.*?```", "", text, flags=re.S).splitlines():
        if line.startswith("    ") and not lines:
            continue
        ends = not line.strip() or line.startswith(("|", "#"))
        if ends or _ITEM.match(line):
            yield " ".join(lines)
            lines = []
        if not ends:
            lines.append(_ITEM.sub("", line, count=1).strip())
    yield " ".join(lines)


def sentences(text: str) -> Iterator[str]:
    """Yield what is between full stops, or between colons and semicolons where a sentence might as well begin."""
    for paragraph in paragraphs(text):
        yield from _END.split(re.sub(r"\]\([^)]*\)", "]", paragraph))


def words(sentence: str) -> int:
    """Count words; a piece of code is one."""
    return len(_WORD.findall(re.sub(r"`[^`]*`", "CODE", sentence)))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_sentences_are_short(file):
    long = [sentence for sentence in sentences(file.read_text(encoding="utf-8")) if words(sentence) > MOST]
    assert long == []
