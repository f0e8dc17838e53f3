"""From a campaign's studies to its flow: steps that several studies need are one job in it."""

from typing import Any

from jobflow import Flow, Job

from anodeflow.calculations.identity import with_stable_uuids
from anodeflow.campaign.cases import Case, cases
from anodeflow.core.address import content_hash
from anodeflow.studies.base import Subject
from anodeflow.studies.convergence.flow import ConvergenceMaker
from anodeflow.studies.steps import Steps
from anodeflow.studies.world import World


def campaign_flow(world: World, name: str, reference: str | None, edition: str) -> tuple[Flow, list[tuple[Any, ...]]]:
    """Return the flow of a campaign, and what each of its parts is: the key that a plan has of a study, too.

    Parameters
    ----------
    world
        Surfaces, interfaces and studies of the campaign.
    name, reference
        Its name, and the DOI of the paper to compare with.
    edition
        What tells its results from those of an edited file.
    """
    parts = campaign_parts(world, {"campaign": name, "reference": reference})
    flow = Flow(list(parts.values()), name=name)
    flow.update_metadata({"campaign": name, "backend": world.backend.name, "edition": edition})
    seed = f"{name}/{world.backend.settings_hash()}"
    if world.surfaces.prescreen is not None:
        seed += f"/{content_hash(world.surfaces.prescreen.settings())}"
    return with_stable_uuids(flow, seed, edition), list(parts)


def campaign_parts(world: World, labels: dict[str, Any]) -> dict[tuple[Any, ...], Flow | Job]:
    """Return all jobs and flows of a campaign (shared steps, studies, their variants and convergence tests).

    Each by what tells it apart: of a study its name, its subject's and its key.

    Parameters
    ----------
    world
        Surfaces, interfaces and studies of the campaign.
    labels
        `campaign` and `reference`, for the documents.
    """
    steps = Steps(world, labels)
    after: list[Flow | Job] = []
    for case in cases(world):
        if case.study.subject == "campaign":
            made = case.study.flow(case.input, case.subject, steps)
            after += [] if made is None else [made]
            continue
        steps.study(case.study, case.input, case.subject)
        if case.variants and case.subject is not None:
            after.append(_convergence(case, case.subject, steps))
    return steps.made | {("after", index): made for index, made in enumerate(after)}


def _convergence(case: Case, subject: Subject, steps: Steps) -> Job:
    """Return the job that compares a study with its variants."""

    def output(each: Subject) -> Any:
        return steps.study(case.study, case.input, each).output

    maker = ConvergenceMaker(
        of=case.study.name,
        system=subject.name,
        parameters=case.parameters,
        not_varied=steps.world.not_varied(subject, [each.name for each in case.parameters]),
    )
    joint = None if case.joint is None else output(case.joint)
    return maker.make(output(subject), [[output(variant) for variant in row] for row in case.variants], joint)
