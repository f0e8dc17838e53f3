"""What a campaign file may tell a study of work functions."""

from anodeflow.studies.inputs import SurfaceInput


class WorkFunctionInput(SurfaceInput):
    """Work function of some surfaces, both faces."""
