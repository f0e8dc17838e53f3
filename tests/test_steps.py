"""Steps on record: each follows the one before it; what is missing, doubled or elsewhere is damage."""

import json
import zlib
from pathlib import Path

import pytest
from relaxations import computed

from anodeflow.calculations.steps import append_step, cut_damage, read_from, read_steps


def without(lines, where):
    return [*lines[:where], *lines[where + 1 :]]


def doubled(lines, where):
    return [*lines[: where + 1], *lines[where:]]


def swapped(lines, where):
    return [*lines[:where], lines[where + 1], lines[where], *lines[where + 2 :]]


def replaced_by_the_last(lines, where):
    return [*lines[:where], lines[-1]]


@pytest.mark.parametrize(
    ("harm", "where", "whole"),
    [
        (without, 0, 0), (without, 3, 3), (doubled, 0, 1), (doubled, 3, 4), (swapped, 0, 0), (swapped, 3, 3),
        (replaced_by_the_last, 2, 2),
    ],
)  # fmt: skip
@pytest.mark.parametrize("with_document", [True, False])
def test_a_line_that_is_missing_doubled_or_elsewhere_is_damage(adatom, harm, where, whole, with_document):
    first, _ = computed(adatom)
    steps = Path(first.directory) / "steps.jsonl"
    lines = steps.read_bytes().splitlines(keepends=True)
    steps.write_bytes(b"".join(harm(lines, where)))
    if not with_document:
        Path(first.directory, "calculation.json").unlink()
    again, messages = computed(adatom)
    assert any(f"damaged after step {whole}" in message.message for message in messages)
    assert again.energy == pytest.approx(first.energy, abs=1e-4)
    assert again.ionic_steps == len(read_steps(steps)) == len(steps.read_bytes().splitlines())
    assert computed(adatom)[1][-1].state == "reused"


def test_a_line_of_another_record_is_damage(tmp_path):
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    for number in range(3):
        append_step(one, {"energy": -1.0 - number})
        append_step(other, {"energy": -2.0 - number})
    mixed = one.read_bytes().splitlines(keepends=True)[:2] + other.read_bytes().splitlines(keepends=True)[2:]
    one.write_bytes(b"".join(mixed))
    assert [step["energy"] for step in read_steps(one)] == [-1.0, -2.0]


@pytest.mark.parametrize("length", [1, 40_000, 65_536, 200_000])
def test_lines_of_any_length_follow_each_other(length, tmp_path):
    file = tmp_path / "steps.jsonl"
    for number in range(3):
        append_step(file, {"energy": -1.0 * number, "log": "x" * length})
        file.write_bytes(file.read_bytes() + b'{"energy": "' + b"y" * length)  # killed while it wrote the next one
    assert [step["energy"] for step in read_steps(file)] == [0.0, -1.0, -2.0]
    assert cut_damage(file) == ""


@pytest.mark.parametrize("with_checksum", [True, False])
def test_a_record_that_an_older_anodeflow_began_or_went_on_with_is_read(with_checksum, tmp_path):
    def of_old(energy):
        text = json.dumps({"energy": energy, "positions": [[0, 0, 0]], "forces": [[0, 0, 0]]})
        return f'{text[:-1]}, "crc": "{zlib.crc32(text.encode()):08x}"}}\n' if with_checksum else f"{text}\n"

    file = tmp_path / "steps.jsonl"
    file.write_text(of_old(-1.0) + of_old(-2.0))
    append_step(file, {"energy": -3.0})
    append_step(file, {"energy": -4.0})
    with file.open("a") as stream:
        stream.write(of_old(-5.0))
    append_step(file, {"energy": -6.0})
    assert [step["energy"] for step in read_steps(file)] == [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0]
    assert cut_damage(file) == ""
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(without(lines, 1)))
    assert [step["energy"] for step in read_steps(file)] == [-1.0], "the first new line knows which one it follows"


def test_what_is_read_of_a_growing_record_is_the_same_in_parts(tmp_path):
    file = tmp_path / "steps.jsonl"
    found, offset = [], 0
    for number in range(4):
        append_step(file, {"energy": -1.0 * number})
        if number != 1:
            steps, size = read_from(file, offset)
            found, offset = found + steps, offset + size
    assert found == read_steps(file)
    assert offset == file.stat().st_size
