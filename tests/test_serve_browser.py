"""The live view as a reader meets it: in a browser, on a desk and on a phone, by keys, and told by a screen reader."""

import threading
from collections.abc import Iterator

import pytest
from browser import CHROMIUM, Browser, browser
from factories import adsorption_calculations, adsorption_document
from test_serve_pages import store_documents

from anodeflow.core.settings import get_settings
from anodeflow.execution.state import CampaignStatus, StepStatus, campaign_lock

uvicorn = pytest.importorskip("uvicorn")
TOKEN = "a-token-of-this-test"
NAMED = {"link", "button", "textbox", "combobox", "image", "searchbox", "progressbar", "table", "region", "navigation"}


@pytest.fixture
def address() -> Iterator[str]:
    """A server with a campaign that runs and two studies of it."""
    from anodeflow.serve.app import create_app
    from anodeflow.serve.server import listening

    store_documents(
        adsorption_document(document_id="a" * 20, system="Li(001)"),
        adsorption_document(document_id="b" * 20, system="Na(110)", settings_hash="other"),
        *adsorption_calculations(adsorption_document(), directory="/somewhere").values(),
    )
    settings = get_settings().prepare()
    steps = [StepStatus(label=name, state="finished", calculation_id=f"calc-{name}") for name in ("bulk", "slab")]
    steps += [StepStatus(label="site 0", state="running", seconds=3.0), StepStatus(label="site 1")]
    CampaignStatus(campaign="test", backend="emt", state="running", steps=steps).save(settings.campaigns)
    with listening(0) as listener, campaign_lock(settings, "test"):
        port = listener.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(create_app(TOKEN, port), log_level="critical", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_in_a_browser(address, tmp_path):
    with browser(tmp_path) as tab:
        tab.size(1400)
        tab.open(f"{address}/?token={TOKEN}")
        tab.wait("location.href.endsWith('/') && document.querySelector('#live')")  # the token has left the address
        _live(tab, address)
        _keys(tab, address)
        for width, scheme in ((1400, "light"), (390, "dark")):
            tab.size(width, scheme=scheme)
            for path in ("/", "/campaigns/test", "/results", f"/documents/{'a' * 20}", "/calculations/calc-slab"):
                tab.open(address + path)
                if path.startswith(("/documents", "/calculations")):
                    _pictures(tab)
                assert tab.run("document.documentElement.scrollWidth") <= width, f"{path} sticks out at {width}"
                _spoken(tab, path)
        tab.open(f"{address}/campaigns/test/report")
        tab.wait("document.querySelector('#summary')")
        tab.wait("[...document.images].every(image => image.complete && image.naturalWidth)")
        assert tab.problems == []
        assert [url for url in tab.requested if not url.startswith((address, "data:", "blob:", "about:"))] == []


def _live(tab: Browser, address: str) -> None:
    """What changes comes onto the page without loading it again, and what has the focus keeps it."""
    tab.open(f"{address}/campaigns/test")
    tab.run("document.getElementById('report').focus(); window.mark = true")
    status = CampaignStatus.model_validate_json((get_settings().campaigns / "test.json").read_text())
    status.steps[2].state, status.steps[2].message = "failed", "the SCF did not converge"
    status.save(get_settings().campaigns)
    tab.wait("document.querySelector('#live').innerText.includes('the SCF did not converge')")
    assert tab.run("window.mark && document.activeElement.id") == "report"


def _keys(tab: Browser, address: str) -> None:
    """All can be done by keys, and it is seen where they go."""
    tab.open(f"{address}/results")
    tab.press("Tab")
    assert tab.run("document.activeElement.textContent") == "Skip to the content"
    assert tab.run("document.activeElement.getBoundingClientRect().left") >= 0
    tab.press("Enter")
    assert tab.run("document.activeElement.id") == "main"
    tab.run("document.getElementById('f-system').focus()")
    for letter in "Na*":
        tab.press(letter)
    tab.wait("document.querySelectorAll('#rows tbody tr').length === 2")
    assert tab.run("document.activeElement.id") == "f-system"
    assert "system=Na*" in tab.run("location.search")
    for _ in range(20):
        tab.press("Tab")
        if tab.run("document.activeElement.id") == "sort-value":
            break
    assert tab.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    for way, sign in (("ascending", ""), ("descending", "-")):
        tab.press("Enter")
        tab.wait(f"document.querySelector('th[aria-sort=\"{way}\"]')")
        assert f"sort={sign}value" in tab.run("location.search")
        tab.wait("document.activeElement.id === 'sort-value'")


def _spoken(tab: Browser, path: str) -> None:
    """What a screen reader tells has names, and the page has its landmarks."""
    told = tab.spoken()
    assert [role for role, name in told if role in NAMED and not name.strip()] == [], path
    roles = [role for role, _ in told]
    assert {"banner", "navigation", "main", "contentinfo", "heading"} <= set(roles), path
    assert tab.run("document.querySelectorAll('h1').length") == 1


def _pictures(tab: Browser) -> None:
    """Figures of a study come when they are drawn; its structures and those of calculations turn."""
    tab.wait("document.querySelector('figure.scene')")
    tab.run("document.querySelector('figure.scene').scrollIntoView()")
    tab.wait("document.querySelector('figure.scene .modebar')")
    tab.wait("[...document.images].every(image => image.alt && (image.complete || image.loading === 'lazy'))")
