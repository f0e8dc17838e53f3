"""The live view: who may read it, and what it shows."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from anodeflow.core.settings import get_settings
from anodeflow.execution.state import CampaignStatus, StepStatus, keep_edition

TestClient = pytest.importorskip("starlette.testclient").TestClient
TOKEN, PORT = "a-token-of-this-test", 8765
HERE = f"http://127.0.0.1:{PORT}"


def client(**headers: str) -> TestClient:
    """A browser that has opened nothing yet."""
    from anodeflow.serve.app import create_app

    return TestClient(create_app(TOKEN, PORT), base_url=HERE, headers=headers, follow_redirects=False)


@pytest.fixture
def visitor() -> TestClient:
    """A browser that has opened the address with the token."""
    visitor = client()
    assert visitor.get(f"/?token={TOKEN}").status_code == 200
    return visitor


@pytest.fixture
def campaign() -> CampaignStatus:
    """A campaign of two calculations, one of which failed."""
    status = CampaignStatus(
        campaign="surfaces",
        backend="emt",
        state="failed",
        steps=[
            StepStatus(label="bulk", state="finished", calculation_id="0" * 20, energy=-1.5, max_force=0.01),
            StepStatus(label="<script>alert(1)</script>", state="failed", message="<b>the SCF</b> did not converge"),
        ],
        failures=["slab: <b>the SCF</b> did not converge"],
    )
    status.save(get_settings().prepare().campaigns)
    return status


@pytest.mark.parametrize("path", ["/", "/campaigns/surfaces", "/static/serve.css", "/nowhere", "/optimade/v1/info"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Cookie": f"anodeflow_{PORT}=wrong"}])
def test_nothing_is_answered_without_the_token(campaign, path, headers):
    found = client().get(path, headers=headers)
    assert found.status_code == 403
    assert "surfaces" not in found.text


@pytest.mark.parametrize("given", ["", "wrong", TOKEN[:-1], TOKEN + "x", "%F0%9F%94%91"])
def test_a_wrong_token_is_refused_and_sets_no_cookie(given):
    found = client().get(f"/?token={given}")
    assert found.status_code == 403
    assert "set-cookie" not in found.headers


def test_the_token_becomes_a_cookie_that_scripts_and_other_sites_do_not_get():
    browser = client()
    found = browser.get(f"/campaigns/a%20b?token={TOKEN}&sort=value")
    cookie = found.headers["set-cookie"]
    assert cookie.startswith(f"anodeflow_{PORT}={TOKEN};")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert 'url=/campaigns/a%20b?sort=value"' in found.text, "the token leaves the address"
    assert TOKEN not in found.text
    assert browser.get("/").status_code == 200


def test_the_first_visit_leads_to_no_other_site():
    assert 'url=/evil.example"' in client().get(f"{HERE}//evil.example?token={TOKEN}").text
    hostile = client().get(f'/%22%3E%3Cscript%3E?token={TOKEN}&a="><script>')
    assert "<script" not in hostile.text


def test_programs_send_the_token_in_a_header():
    assert client(Authorization=f"Bearer {TOKEN}").get("/").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:80", "0.0.0.0", ""])
def test_other_names_for_this_machine_are_refused(visitor, host):
    assert visitor.get("/", headers={"Host": host}).status_code == 403
    assert visitor.get(f"/?token={TOKEN}", headers={"Host": host}).status_code == 403


def test_localhost_is_this_machine():
    assert client(Authorization=f"Bearer {TOKEN}").get("/", headers={"Host": f"localhost:{PORT}"}).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_it_is_read_only(visitor, method):
    for path in ("/", "/campaigns/surfaces", f"/?token={TOKEN}"):
        assert visitor.request(method, path).status_code == 405
    assert client().request(method, "/").status_code == 403


@pytest.mark.parametrize("path", ["/", "/nowhere", "/static/serve.css"])
def test_browsers_are_told_to_fetch_and_run_nothing_else(visitor, path):
    headers = visitor.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_pages_name_no_other_place(visitor, campaign):
    for path in ("/", "/campaigns/surfaces"):
        text = visitor.get(path).text
        assert not re.findall(r"""(?:src|href|hx-get|action)=["'](?!/(?!/)|#|data:,)""", text)


def test_campaigns_are_listed_with_their_states(visitor, campaign):
    assert "No campaign was run" not in visitor.get("/").text
    text = visitor.get("/").text
    assert 'href="/campaigns/surfaces"' in text
    assert '<span class="state failed">failed</span> 1 failed' in text
    assert "1 of 2" in text


def test_an_earlier_edition_has_a_page_of_its_own(visitor, campaign):
    begun = "2026-01-02T03:04:05+00:00"
    step = StepStatus(label="thin slab", state="finished", calculation_id="1" * 20)
    earlier = CampaignStatus(
        campaign="surfaces", backend="emt", edition="e" * 20, state="finished", steps=[step], started_at=begun
    )
    keep_edition(get_settings(), earlier)
    latest = visitor.get("/campaigns/surfaces").text
    assert "thin slab" not in latest
    assert "begun 2026-01-02 03:04:05 UTC" in latest
    text = visitor.get(re.search(r'id="edition-1" href="([^"]+)"', latest)[1]).text
    assert 'href="/calculations/11111111111111111111">thin slab</a>' in text
    assert "did not converge" not in text
    assert f'href="/results?campaign=surfaces&amp;edition={"e" * 20}"' in text
    again = re.search(r'hx-get="([^"]+)"', text)[1].replace("&amp;", "&")
    assert visitor.get(again, headers={"HX-Request": "true"}).status_code == 204
    done = re.search(r'id="done-1" href="([^"]+)"', text)[1].replace("&amp;", "&")
    assert "thin slab" in visitor.get(done).text
    assert "thin slab" in visitor.get("/campaigns/surfaces?edition=eeeeeeee").text
    assert visitor.get("/campaigns/surfaces?edition=ffff").status_code == 404
    (get_settings().campaigns / "surfaces.editions" / "other.json").write_bytes(b"\xff")
    with pytest.warns(UserWarning, match=r"other.json.* is damaged: delete it"):
        assert "begun 2026-01-02" in visitor.get("/campaigns/surfaces").text


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_state_that_is_damaged_is_a_sentence(visitor, campaign, content):
    (get_settings().campaigns / "surfaces.json").write_bytes(content)
    found = visitor.get("/campaigns/surfaces")
    assert (found.status_code, "is damaged: delete it" in found.text) == (400, True)


def test_without_campaigns_it_says_how_to_run_one(visitor):
    assert "anodeflow run FILE" in visitor.get("/").text


def test_a_page_that_is_looked_at_again_brings_what_is_new(visitor, campaign):
    first = visitor.get("/").text
    again = re.search(r'hx-get="([^"]+)"', first)[1]
    assert visitor.get(again, headers={"HX-Request": "true"}).status_code == 204
    campaign.steps[1].state = "finished"
    campaign.save(get_settings().campaigns)
    changed = visitor.get(again, headers={"HX-Request": "true"})
    assert "2 of 2" in changed.text
    assert "<html" not in changed.text


@pytest.mark.parametrize(
    "path",
    [
        *("/campaigns/none", "/campaigns/%2e%2e", "/campaigns/..%2f..%2fetc", "/static/../guard.py"),
        *("/static/%2e%2e/guard.py", "/static/..%2fguard.py", "/static//etc/passwd"),
    ],
)
def test_what_is_not_there_is_not_found(visitor, campaign, path):
    found = visitor.get(path)
    assert found.status_code == 404
    assert "class Guard" not in found.text


def test_a_missing_package_is_said_in_one_sentence(anodeflow, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    ended = anodeflow("serve", "--no-open")
    assert ended.status == 2
    assert re.fullmatch(r"anodeflow: the live view needs uvicorn: .*pip install .*uvicorn\.\n", ended.err)


def test_a_port_that_is_taken_is_said_in_one_sentence(anodeflow):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = anodeflow("serve", "--no-open", "--port", port)
    assert ended.status == 2
    assert ended.err.startswith(f"anodeflow: port {port} of 127.0.0.1 cannot be used (")


@pytest.mark.slow
def test_the_command_prints_the_address_and_ends_quietly(home):
    running = subprocess.Popen(
        [sys.executable, "-m", "anodeflow", "serve", "--no-open"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        address = running.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{43}", address)
        with urlopen(address) as answer:
            assert answer.status == 200
        with pytest.raises(HTTPError, match="403"):
            urlopen(address.partition("?")[0])
    finally:
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=20)
    assert running.returncode == 0
    assert errors == ""


def test_folders_of_killed_servers_are_deleted_by_the_next_one(tmp_path, monkeypatch):
    from anodeflow.serve.drawing import Drawings

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    living = Drawings()
    kept = living.folder
    script = "from anodeflow.serve.drawing import Drawings; import os; print(Drawings().folder); os._exit(9)"
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    killed = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    left = Path(killed.stdout.strip())
    assert left.is_dir()
    assert left.parent == tmp_path
    young, others = tmp_path / "anodeflow-serve-young", tmp_path / "something else"
    young.mkdir()
    others.mkdir()
    (tmp_path / "anodeflow-serve-link").symlink_to(others)
    new = Drawings()
    assert new.folder.is_dir()
    assert not left.exists(), "its server lives no longer"
    assert kept.is_dir()
    assert young.is_dir()
    assert others.is_dir()
    for each in (living, new):
        each.close()
    assert not kept.exists()
