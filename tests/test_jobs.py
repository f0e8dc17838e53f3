"""Our jobs are jobflow's, made without writing their arguments out."""

import warnings
from dataclasses import dataclass

import pytest
from jobflow import Flow, Job, Maker, flow, run_locally
from monty.json import MSONable

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.jobs import job


class Large(MSONable):
    """What takes long to write."""

    def as_dict(self):
        raise AssertionError("it was written")


@job
def add(a, b=1):
    return a + b


@job(output_schema=CalculationDoc, data="cube")
def keep(value):
    return value


@dataclass
class AddingMaker(Maker):
    name: str = "adding"
    more: int = 10

    @job
    def make(self, a, b=1):
        return a + b + self.more


def test_arguments_are_not_written_when_a_job_is_made():
    large = Large()
    made = add(large, b=[large])
    assert (made.function_args, made.function_kwargs) == ((large,), {"b": [large]})
    assert AddingMaker().make(large).function_args == (large,)
    with pytest.raises(AssertionError, match="it was written"):
        Job(function=print, function_args=(large,))  # so does jobflow, and there is something to save


@pytest.mark.parametrize("found", [lambda one: one, lambda one: [one], lambda one: {"a": (1, one)}])
def test_a_job_in_place_of_its_output_is_warned_of(found):
    with pytest.warns(UserWarning, match="as an input"):
        add(found(add(1)))
    with pytest.warns(UserWarning, match="as an input"):
        AddingMaker().make(1, b=found(Flow([add(1)])))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        add(add(1).output)


def test_jobs_run_and_have_what_jobflow_gives_them():
    maker = AddingMaker(more=100)
    first = add(1, b=2)
    second = maker.make(first.output, b=3)
    assert second.maker == maker
    assert second.maker is not maker
    assert (first.name, second.name) == ("add", "adding")
    kept = keep(1)
    assert kept.output_schema is CalculationDoc
    assert kept._kwargs == {"data": "cube"}
    responses = run_locally(Flow([first, second]), log=False, ensure_success=True)
    assert [responses[each.uuid][1].output for each in (first, second)] == [3, 106]


def test_a_job_may_stand_for_its_output_in_a_decorated_flow():
    @flow
    def adding():
        return add(add(1)).output

    made = adding()
    responses = run_locally(made, log=False, ensure_success=True)
    assert [each[1].output for each in responses.values()] == [2, 3]
