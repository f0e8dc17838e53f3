"""``anodeflow build slab --view``."""

import json
import xml.etree.ElementTree as ET

import pytest


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_every_site_has_its_number_in_the_picture(folder, anodeflow):
    done = anodeflow("build", "slab", "Cu", "--layers", "3", "--sites", "Cu", "--view", "sites.svg", "--format", "json")
    assert done.status == 0, done.err
    (row,) = json.loads(done.out)
    assert row["view"] == "sites.svg"
    drawing = ET.parse(folder / "sites.svg").getroot()
    text = " ".join("".join(node.itertext()) for node in drawing.iter() if node.tag.endswith("text"))
    assert [str(site["index"]) for site in row["sites"]] == ["0", "1", "2"]
    assert {"0", "1", "2"} <= set(text.split())
    again = anodeflow("build", "slab", "Cu", "--sites", "Cu", "--view", "sites.svg")
    assert again.status == 2
    assert "sites.svg exists already" in again.err


@pytest.mark.slow
def test_each_termination_has_a_picture(folder, anodeflow):
    done = anodeflow(
        "build", "slab", "Li3Mg7", "--layers", "3", "--termination", "all", "--sites", "Li", "--view", "f.png"
    )
    assert done.status == 0, done.err
    pictures = sorted(folder.glob("f-*.png"))
    assert len(pictures) > 1
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--view", "a.png"), "say of which element, --sites Li"),
        (("--sites", "Cu", "--view", "a.jpg"), "--view writes .png or .svg, not a.jpg"),
        (("--sites", "Cu", "--layers", "3", "--view", "no/place.png"), "cannot write no/place.png"),
    ],
)
def test_what_cannot_be_is_one_sentence(folder, anodeflow, options, words):
    done = anodeflow("build", "slab", "Cu", *options)
    assert done.status == 2
    assert words in done.err
    assert "Traceback" not in done.err
