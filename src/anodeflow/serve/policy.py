"""The Content-Security-Policy of reports: pages that hold their scripts and pictures themselves."""

from base64 import b64encode
from functools import cache
from hashlib import sha256

from anodeflow.serve.rendering import REPORT_TEMPLATES


@cache
def report_policy() -> str:
    """Return a policy under which a report's own scripts run and no other, be it written into a label.

    The scripts are known by their hashes.
    """
    from plotly.offline import get_plotlyjs

    scripts = [file.read_text(encoding="utf-8") for file in sorted(REPORT_TEMPLATES.glob("*.js"))]
    hashes = " ".join(
        f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in [*scripts, get_plotlyjs()]
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
