"""A campaign as the public interface has it: one that can be run."""

from typing import TYPE_CHECKING, Any

from anodeflow.campaign import model

if TYPE_CHECKING:
    from anodeflow.execution.local import RunReport


class Campaign(model.Campaign):
    """Surfaces, interfaces, studies and a backend, under one name.

    >>> Campaign.from_file("workflows/quickstart.yaml").run()   # doctest: +SKIP
    """

    def run(self, listener: Any = None, progress: bool = False, budget: float | None = None) -> "RunReport":
        """Run the campaign here, or go on with it.

        Parameters
        ----------
        listener
            Called with every message of every calculation (:class:`~anodeflow.calculations.progress.Progress`).
        progress
            Show how far it is: in a terminal, a notebook or a log.
        budget
            Processor hours that its code may use; none: no limit.

        Returns
        -------
        RunReport
            See :func:`anodeflow.execution.local.run_campaign`.
        """
        from anodeflow.execution.local import run_campaign

        return run_campaign(self, listener, progress, budget)
