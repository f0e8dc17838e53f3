"""What a campaign file may tell a study of interfaces."""

from anodeflow.studies.inputs import InterfaceInput


class RelaxedInterfaceInput(InterfaceInput):
    """Interfaces relaxed, and no more."""
