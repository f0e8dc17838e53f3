"""What lies beside a record to help a calculation on, damaged: told, moved aside and done without, never believed."""

import io
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from relaxations import bridge

from anodeflow.backends.registry import load_backend
from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.makers import CalculationMaker
from anodeflow.calculations.progress import Progress, listen

NOTE = {
    "model": "0" * 20,
    "potential": "emt",
    "calculations": 2,
    "force_error_before": 0.1,
    "force_error_after": 0.01,
    "energy_error": None,
}


class Sprung:
    """Leaves a file where it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return open, (str(self.file), "w")


def relaxed(**guide: bool) -> tuple[CalculationDoc, str]:
    """Relax Al on Al(001), guided by EMT; return the document and what was told."""
    recipe, messages = load_backend("emt").recipe(), []
    maker = CalculationMaker("relax", "relax", recipe, guide={**recipe, "learn": True, **guide})
    with listen(messages.append):
        document = maker.calculate(bridge(), guided=True)
    return document, " ".join(each.message for each in messages if isinstance(each, Progress) and each.message)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> CalculationDoc:
    """The relaxation, in a home that is copied."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANODEFLOW_HOME", str(tmp_path_factory.mktemp("whole") / "home"))
        return relaxed()[0]


@pytest.fixture
def interrupted(whole, home) -> tuple[CalculationDoc, Path]:
    """A relaxation of which two steps are on record."""
    (first,) = [parent for parent in Path(whole.directory).parents if parent.name == "home"]
    shutil.copytree(first, home)
    document = whole.model_copy(update={"directory": str(home / Path(whole.directory).relative_to(first))})
    folder = Path(document.directory)
    lines = (folder / "steps.jsonl").read_text().splitlines(keepends=True)
    assert len(lines) > 3
    (folder / "steps.jsonl").write_text("".join(lines[:2]))
    for name in ("calculation.json", "outcome.json"):
        (folder / name).unlink()
    return document, folder


def started_at(structure, shift: float, told: float) -> str:
    """Return a start.json whose first free atom lies `shift` from its place, and that says it is `told`."""
    positions = structure.cart_coords.copy()
    positions[-1, 2] += shift
    return json.dumps(NOTE | {"displacement": told, "images": [positions.tolist()]})


STARTS = {
    "empty": "",
    "no mapping": "[]",
    "nothing in it": "{}",
    "no positions": json.dumps(NOTE | {"displacement": 0.1}),
    "no numbers": json.dumps(NOTE | {"displacement": 0.1, "images": "x"}),
    "nan": json.dumps(NOTE | {"displacement": 0.1, "images": [[[float("nan")] * 3]]}),
    "nested": "[" * 100_000,
    "far away": started_at(bridge(), 8.0, 8.0),
    "other positions": started_at(bridge(), 0.3, 0.1),
    "not told of what": json.dumps({"images": json.loads(started_at(bridge(), 0.1, 0.1))["images"]}),
}


@pytest.mark.parametrize("content", STARTS.values(), ids=STARTS)
def test_a_damaged_start_is_told_and_done_without(interrupted, content):
    before, folder = interrupted
    (folder / "start.json").write_text(content)
    document, told = relaxed()
    assert "start.json is damaged" in told
    assert not (folder / "start.json").exists()
    assert (folder / "start.json.damaged").read_text() == content
    assert document.learned is None
    assert document.energy == pytest.approx(before.energy, abs=1e-3)
    assert relaxed()[0].id == document.id  # it is finished


@pytest.mark.parametrize("learn", [True, False])
def test_a_whole_start_is_gone_on_with(interrupted, learn):
    """By a campaign that has ceased to learn, too: what is on record began there."""
    _, folder = interrupted
    (folder / "start.json").write_text(started_at(bridge(), 0.1, 0.1))
    document, told = relaxed(learn=learn)
    assert "damaged" not in told
    assert document.learned.displacement == pytest.approx(0.1)


def saved(array: object, **options: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def zipped() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, hessian=np.eye(3))
    return stream.getvalue()


def hessians(size: int, file: Path) -> dict[str, bytes]:
    good = saved(np.eye(size))
    claims = good.replace(f"({size}, {size})".encode(), b"(9999999, 9999999)").replace(b" " * 12, b"", 1)
    asymmetric = np.eye(size)
    asymmetric[0, 1] = 4.0
    return {
        "empty": b"",
        "cut short": good[: len(good) // 2],
        "archive": zipped(),
        "half an archive": b"PK\x03\x04" + bytes(100),
        "pickle": pickle.dumps(Sprung(file)),
        "objects": saved(np.full((size, size), Sprung(file), dtype=object), allow_pickle=True),
        "text": saved(np.full((size, size), "x")),
        "complex": saved(np.eye(size, dtype=complex)),
        "nan": saved(np.full((size, size), np.nan)),
        "1e308": saved(np.full((size, size), 1e308)),
        "of others": saved(np.eye(3)),
        "not symmetric": saved(asymmetric),
        "claims terabytes": claims,
    }


@pytest.mark.parametrize("damage", hessians(3, Path()))
def test_a_damaged_hessian_is_told_and_done_without(interrupted, damage, tmp_path):
    before, folder = interrupted
    (folder / "hessian.npy").write_bytes(hessians(3 * len(bridge()), tmp_path / "sprung")[damage])
    document, told = relaxed()
    assert "hessian.npy is damaged" in told
    assert (folder / "hessian.npy.damaged").exists()
    assert document.energy == pytest.approx(before.energy, abs=1e-3)
    assert not (tmp_path / "sprung").exists()
