"""What goes wrong on a cluster, each for real: nothing finished is lost, nothing runs twice, retry completes it."""

import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from processes import wait_until
from slurm_queue import PROJECT, SMALL, Queue, set_environment

from anodeflow.calculations.placement import Resources
from anodeflow.database.embedded import ServerFolder
from anodeflow.execution.runner import start_runner

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def walltime_campaign(slurm_session: Queue) -> None:
    """Campaign that runs into its limit while other tests run: Slurm looks at limits twice a minute only."""
    with set_environment(slurm_session):
        slurm_session.submit("walltime")


@pytest.mark.usefixtures("walltime_campaign")
def test_a_job_is_cancelled(queue: Queue, anodeflow) -> None:
    queue.submit("cancelled")
    number = queue.wait_for_steps("cancelled")
    queue.cluster.command("scancel", number)
    failed = queue.wait("cancelled", "failed")
    assert failed.steps[0].reason == "cancelled"
    assert "CANCELLED AT" in failed.failures[0]

    # The limit of a job of the other campaign, which runs in the meantime, ends now.
    limited = queue.wait_for_steps("walltime")
    queue.cluster.command("scontrol", "update", f"jobid={limited}", "EndTime=now+1")

    shown = anodeflow("status", "cancelled").out
    assert "cancelled: slurmstepd" in shown
    assert "anodeflow retry cancelled" in shown
    rows = json.loads(anodeflow("retry", "cancelled", "--dry-run", "--format", "json").out)
    assert [(row["job"], row["reason"], row["action"]) for row in rows] == [
        ("cancelled: relaxation", "cancelled", "run again")
    ]
    assert queue.status("cancelled").state == "failed", "a dry run changes nothing"
    queue.release("cancelled")
    assert anodeflow("retry", "cancelled", "--yes").status == 0
    queue.wait("cancelled")
    assert queue.attempts("cancelled") == 2
    queue.check_nothing_ran_twice("cancelled")


def test_the_partition_does_not_exist(queue: Queue) -> None:
    queue.submit("lost", held=False, resources=Resources(cores=1, queue="nosuch").model_dump())
    assert "invalid partition specified: nosuch" in queue.wait_for_reason("lost", "submission")
    queue.retry("lost", queue="debug")
    queue.wait("lost", "failed")  # its second job asked for the same partition
    (repair,) = queue.retry("lost", queue="debug")
    assert repair.action == "go on"
    queue.wait("lost")
    assert queue.attempts("lost") == 1
    queue.check_nothing_ran_twice("lost")


def test_the_disk_of_the_job_is_full(queue: Queue) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    queue.small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(queue.small)]
    mounted = subprocess.run(mount, capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        queue.submit("full", worker=SMALL, cells=3)  # its output does not fit where the old one was
        queue.wait_for_steps("full")
        filler = queue.small / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as stream:
            while stream.write(b"x" * 4096):
                pass
        queue.release("full")
        failed = queue.wait("full", "failed")
        assert failed.steps[0].reason == "disk full", failed
        filler.unlink()
        (repair,) = queue.retry("full")
        assert repair.action == "run again"
        queue.wait("full")
        queue.check_nothing_ran_twice("full")
    finally:
        subprocess.run(["umount", "-l", queue.small], check=True)


def test_a_node_goes_down(queue: Queue) -> None:
    queue.submit("node")
    number = queue.wait_for_steps("node")
    node = queue.cluster.node_of(number)

    def jobs_on_node() -> list[str]:
        return [job for job in queue.cluster.jobs("R") if queue.cluster.node_of(job) == node]

    assert wait_until(lambda: jobs_on_node() == [number]), "another job would suffer"
    queue.cluster.command("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    failed = queue.wait("node", "failed")
    assert failed.steps[0].reason == "node failure", failed
    queue.release("node")
    queue.retry("node")
    queue.wait("node")
    assert queue.attempts("node") == 2
    queue.check_nothing_ran_twice("node")
    assert wait_until(lambda: set(queue.cluster.states().values()) <= {"idle", "mix"})


def test_the_code_is_killed_by_a_signal(queue: Queue) -> None:
    queue.submit("signal")
    queue.wait_for_steps("signal")
    (job,) = [
        process
        for process in queue.cluster.processes()
        if "anodeflow.execution.job" in process.cmdline() and _campaign_of(queue, process) == "signal"
    ]
    job.send_signal(signal.SIGSEGV)
    failed = queue.wait("signal", "failed")
    assert failed.steps[0].reason == "signal", failed
    queue.release("signal")
    queue.retry("signal")
    queue.wait("signal")
    assert queue.attempts("signal") == 2
    queue.check_nothing_ran_twice("signal")


def test_slurm_does_not_answer_when_a_job_is_submitted(queue: Queue) -> None:
    queue.cluster.stop_controller()
    try:
        queue.submit("silent", held=False)
        assert "Unable to contact slurm controller" in queue.wait_for_reason("silent", "queue unreachable")
    finally:
        queue.cluster.start_controller()
    queue.retry("silent")
    queue.wait("silent")
    assert queue.attempts("silent") == 1
    queue.check_nothing_ran_twice("silent")


def test_the_runner_is_killed(queue: Queue) -> None:
    queue.submit("runner")
    queue.wait_for_steps("runner")
    for process in queue.runner_processes():
        process.kill()
    lonely = queue.status("runner")
    assert lonely.runner == "stopped"
    assert lonely.state == "interrupted"
    assert f"anodeflow cluster start {PROJECT}" in lonely.hint
    assert "started" in start_runner(PROJECT)
    queue.release("runner")
    queue.wait("runner")
    assert queue.attempts("runner") == 1, "the job went on without it"
    queue.check_nothing_ran_twice("runner")


def test_the_database_is_killed(queue: Queue) -> None:
    queue.submit("database")
    queue.wait_for_steps("database")
    folder = ServerFolder(queue.home / "database" / "secantusd")
    before = folder.recorded()
    assert before is not None
    psutil.Process(before.pid).kill()
    assert wait_until(lambda: (folder.recorded() or before).pid != before.pid, 60)
    assert (folder.recorded() or before).port == before.port
    queue.release("database")
    queue.wait("database")
    assert queue.attempts("database") == 1
    queue.check_nothing_ran_twice("database")


@pytest.mark.usefixtures("walltime_campaign")
def test_the_walltime_is_over(queue: Queue) -> None:
    if queue.status("walltime").state == "running":  # the test that ends it did not run
        number = queue.wait_for_steps("walltime")
        queue.cluster.command("scontrol", "update", f"jobid={number}", "EndTime=now+1")
    failed = queue.wait("walltime", "failed")
    assert failed.steps[0].reason == "walltime", failed
    assert "--time" in failed.failures[0]
    queue.retry("walltime", time="0:20:00")
    assert wait_until(lambda: queue.status("walltime").steps[0].state == "running")
    job = queue.status("walltime").steps[0].queue_id
    assert "TimeLimit=00:20:00" in queue.cluster.command("scontrol", "show", "job", job).stdout
    queue.release("walltime")
    queue.wait("walltime")
    assert queue.attempts("walltime") == 2
    queue.check_nothing_ran_twice("walltime")


def _campaign_of(queue: Queue, process: psutil.Process) -> str:
    """Name of the campaign whose job a process is."""
    folder = Path(process.cmdline()[-1])
    return json.loads((folder / "jfremote_in.json").read_text())["job"]["metadata"]["campaign"]
