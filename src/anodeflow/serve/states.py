"""States of campaigns: those that run or ran here, and those in queues."""

import threading
import time

from anodeflow.core.settings import get_settings
from anodeflow.execution.state import CampaignStatus, campaign_names, earlier_editions, read_status
from anodeflow.execution.submissions import submissions

_QUEUE_AGE = 5.0  # s for which the state of a queue counts as new: to ask it takes a second or so


class States:
    """Reads states when they are asked for; queues are asked every few seconds at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queued: dict[str, tuple[float, CampaignStatus]] = {}

    def names(self) -> list[str]:
        """Return the names of all campaigns that were run or submitted from here."""
        settings = get_settings()
        return sorted({*campaign_names(settings), *(note.campaign for note in submissions(settings))})

    def of(self, name: str) -> list[CampaignStatus]:
        """Return the states of a campaign: here, and in each queue; none if there is no such campaign."""
        settings = get_settings()
        # By its name among those there are: nothing that a request says becomes part of a path.
        found = [read_status(settings, one) for one in campaign_names(settings) if one == name]
        if notes := submissions(settings, name):
            from anodeflow.execution.queue import queue_status

            with self._lock:
                for note in notes:
                    asked, state = self._queued.get(note.flow, (0.0, None))
                    if state is None or time.monotonic() - asked > _QUEUE_AGE:
                        state = queue_status(note)
                        self._queued[note.flow] = (time.monotonic(), state)
                    found.append(state)
        return found

    def earlier(self, name: str) -> list[CampaignStatus]:
        """Return the states of the editions of a campaign that others took the place of, the latest first."""
        settings = get_settings()
        latest = [one.place() for one in self.of(name)]
        found = [
            one for known in campaign_names(settings) if known == name for one in earlier_editions(settings, known)
        ]
        return [one for one in found if one.place() not in latest]
