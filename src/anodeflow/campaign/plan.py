"""What a campaign is going to compute."""

from anodeflow.campaign.cases import cases
from anodeflow.studies.dry import DryRun
from anodeflow.studies.plan import Plan
from anodeflow.studies.world import World


def plan_campaign(world: World) -> Plan:
    """Return the plan of all studies, their variants for convergence tests included.

    Raises
    ------
    InputError
        If a slab or an interface cannot be built, a choice or a value is not possible, or a study has no plan.
    """
    run = DryRun(world)
    for case in cases(world):
        for subject in case.subjects:
            run.plan.in_variant = bool(getattr(subject, "variant", None))
            run.study(case.study, case.input, subject)
    run.plan.in_variant = False
    return run.plan
