"""Campaigns: their states, calculations and curves, as they run."""

import sys
import traceback
from typing import TYPE_CHECKING

from anodeflow.serve.calculations import charts
from anodeflow.serve.rendering import page
from anodeflow.serve.services import Services, missing, polled

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_WATCHED = 4
"""Running calculations of a campaign whose curves its page shows."""
_LISTED = 300
"""Calculations that a page lists at most."""
GROUPS = {
    "running": ("running",),
    "failed": ("failed", "interrupted"),
    "waiting": ("planned", "queued"),
    "done": ("finished", "reused"),
}
"""What the calculations of a campaign are chosen by -> states of execution."""


class Pages:
    """The pages of campaigns."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def overview(self, request: "Request") -> "Response":
        """Show all campaigns with their states."""
        names = self.services.states.names()
        states = [state for name in names for state in self.services.states.of(name)]
        others = [name for name in self.services.source.rows(wait=False).values("campaign") if name not in names]
        return polled(request, "overview", states=states, others=others)

    def campaign(self, request: "Request") -> "Response":
        """Show the calculations of a campaign, of an earlier edition where one is asked for."""
        name, group = request.path_params["name"], request.query_params.get("show", "")
        asked = request.query_params.get("edition", "")
        states, earlier = self.services.states.of(name), self.services.states.earlier(name)
        rows = self.services.source.rows()
        results, studies = rows.page({"campaign": name}, count=0).total, rows.studies(name)
        if not states and not results:
            return missing(f"There is no campaign {name} here: neither its state nor results of it.")
        if asked and not (states := [one for one in earlier if one.edition.startswith(asked)]):
            return missing(f"There is no earlier edition {asked} of campaign {name} here.")
        blocks = []
        for state in states:
            chosen = [step for step in state.steps if step.state in GROUPS.get(group, (step.state,))]
            chosen.sort(key=lambda step: (step.state != "running", step.state != "failed"))
            running = [step for step in state.steps if step.state == "running"][:_WATCHED]
            blocks.append(
                {
                    "state": state,
                    "counts": {one: sum(step.state in GROUPS[one] for step in state.steps) for one in GROUPS},
                    "steps": chosen[:_LISTED],
                    "left_out": len(chosen) - _LISTED,
                    "watched": [(step, charts(self.services, step.calculation_id)) for step in running],
                }
            )
        shown = {"name": name, "group": group, "groups": list(GROUPS), "edition": asked, "earlier": earlier}
        return polled(request, "campaign", **shown, blocks=blocks, results=results, studies=[] if asked else studies)


def failed(request: "Request", error: Exception) -> "Response":
    """Return the page that says in one sentence what went wrong."""
    from anodeflow.core.masking import masked

    return page("message.html.j2", 500, title="This cannot be shown", sentence=masked(str(error)))


def unforeseen(request: "Request", error: Exception) -> "Response":
    """Return the page that says what nobody foresaw; its traceback goes to where the command runs."""
    from anodeflow.core.masking import masked

    print(masked("".join(traceback.format_exception(error))), file=sys.stderr)
    said = f"{type(error).__name__}: {masked(str(error))}"
    return page("message.html.j2", 500, title="Something went wrong that should not have", sentence=said)


def not_there(request: "Request", error: Exception) -> "Response":
    """Return the page for an address that is none."""
    return missing("There is no such page.")
