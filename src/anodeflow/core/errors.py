"""Errors of anodeflow. Each message is one sentence: what is wrong, where, and what to do about it."""


class AnodeflowError(Exception):
    """Something failed while it ran; the command line prints the message and exits with status 1."""

    exit_status = 1


class InputError(AnodeflowError):
    """Something the user can put right before anything runs; exit status 2."""

    exit_status = 2


class BackendUnavailableError(InputError):
    """The code that a backend stands for is not installed, or cannot treat what was asked of it."""


class DatabaseError(InputError):
    """The database cannot be reached, opened or read."""


class CalculationError(AnodeflowError):
    """A calculation ended without a result; the message names its log file."""


class BudgetSpentError(AnodeflowError):
    """A calculation is left for the next run: the budget of this one does not hold it; exit status 3."""

    exit_status = 3


class InterruptedCalculationError(CalculationError):
    """The calculation was killed from outside; running it again goes on from its last step."""
