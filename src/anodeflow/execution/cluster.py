"""Writes jobflow-remote's project file for a cluster, its database being the one that anodeflow's commands use."""

import json
import re
import shlex
import sys
from pathlib import Path
from string import Template
from typing import Any, Literal

from pydantic import Field, field_validator

from anodeflow.calculations.placement import wall_time
from anodeflow.core.cores import cores
from anodeflow.core.data import data_folder
from anodeflow.core.errors import InputError
from anodeflow.core.inputs import InputModel
from anodeflow.core.install import install_command
from anodeflow.core.settings import Settings, get_settings
from anodeflow.database.place import find_database
from anodeflow.database.secret import write_private
from anodeflow.database.store import open_store
from anodeflow.execution.project import projects_folder

Kind = Literal["local", "slurm", "slurm-ssh"]


class ClusterInput(InputModel):
    """What the user says of a cluster."""

    project: str = Field(description="Name of the project: of its file, and of its queue in the database.")
    kind: Kind = Field(default="local", description="local, slurm or slurm-ssh.")
    worker: str = Field(default="main", description="Name of its worker.")
    work_dir: Path | None = Field(default=None, description="Where jobs run; default: jobs/PROJECT in the home.")
    home: Path | None = Field(default=None, description="ANODEFLOW_HOME of the jobs; default: that of this command.")
    python: str | None = Field(default=None, description="Python of the jobs; default: the one that runs this.")
    partition: str | None = Field(default=None, description="Slurm's partition.")
    time: str = Field(default="01:00:00", description="Wall time of small steps.")
    max_jobs: int | None = Field(default=None, ge=1, le=100_000, description="Most jobs in the queue at once.")
    setup: list[str] = Field(default=[], description="Shell lines before each job: module load openmpi.")
    poll: float | None = Field(
        default=None, ge=0.1, le=86_400, description="Seconds between two looks at queue and database."
    )
    host: str | None = Field(default=None, description="Machine that is reached by ssh.")
    port: int = Field(default=22, ge=1, le=65_535, description="Its ssh port.")
    user: str | None = Field(default=None, description="Login there.")
    key_file: str | None = Field(default=None, description="Private key for it.")

    _time = field_validator("time")(wall_time)


class _AtTemplate(Template):
    """Placeholders are @{name}, nothing else: a dollar belongs to the shell."""

    pattern = r"@\{(?P<braced>[a-z_]+)\}|(?P<named>(?!))|(?P<escaped>(?!))|(?P<invalid>(?!))"  # type: ignore[assignment]


def write_project(cluster: ClusterInput, overwrite: bool = False) -> Path:
    """Write the project file, prepare the queue in the database, and return the path of the file.

    The embedded database is kept running from then on (``anodeflow db start``), on a port that is remembered.

    Raises
    ------
    InputError
        If something is missing, the database is no server, or there is such a project already.
    """
    settings = get_settings().prepare()
    _check(cluster)
    file = projects_folder() / f"{cluster.project}.yaml"
    if file.exists() and not overwrite:
        raise InputError(f"{file} exists already: take another name, or replace it with --force.")
    stores = _stores(cluster, settings)
    text = _AtTemplate(
        (data_folder("configs") / "clusters" / f"{cluster.kind}.yaml").read_text(encoding="utf-8")
    ).substitute(
        {name: _yaml(value) for name, value in (_values(cluster, settings) | stores).items()}
        | {"pre_run": "\n".join(f"      {line}" for line in _pre_run(cluster, settings))}
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    write_private(file, text)  # it holds the password of the database
    _prepare_queue(cluster.project)
    return file


def _check(cluster: ClusterInput) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", cluster.project):
        raise InputError(f"a project is named with letters, digits, - and _, not {cluster.project!r}.")
    if cluster.kind != "local" and not cluster.partition:
        raise InputError("which partition of Slurm? Give --partition; `sinfo` lists them.")
    if cluster.kind == "slurm-ssh":
        missing = [
            option
            for option, value in (
                ("--host", cluster.host),
                ("--work-dir", cluster.work_dir),
                ("--home", cluster.home),
                ("--python", cluster.python),
            )
            if not value
        ]
        if missing:
            raise InputError(f"slurm-ssh needs {', '.join(missing)}, as they are on the other machine.")
    for path in (cluster.work_dir, cluster.home):
        if path is not None and not path.is_absolute():
            raise InputError(f"{path} must be an absolute path: jobs start in folders of their own.")


def _python(cluster: ClusterInput) -> str:
    return cluster.python or sys.executable


def _home(cluster: ClusterInput, settings: Settings) -> Path:
    return cluster.home or settings.home


def _values(cluster: ClusterInput, settings: Settings) -> dict[str, Any]:
    poll = cluster.poll or {"local": 2.0, "slurm": 15.0, "slurm-ssh": 30.0}[cluster.kind]
    return {
        "project": cluster.project,
        "worker": cluster.worker,
        "work_dir": str(cluster.work_dir or settings.home / "jobs" / cluster.project),
        "execution_cmd": f"{shlex.quote(_python(cluster))} -m anodeflow.execution.job {{}}",
        "partition": cluster.partition,
        "time": cluster.time,
        "max_jobs": cluster.max_jobs or (1 if cluster.kind == "local" else 50),
        "host": cluster.host,
        "port": cluster.port,
        "user": cluster.user,
        "key_file": cluster.key_file and str(Path(cluster.key_file).expanduser()),
        "runner": {
            "delay_checkout": poll,
            "delay_check_run_status": poll,
            "delay_advance_status": poll,
            "delay_refresh_limited": 4 * poll,
            "max_step_attempts": 3,
            "delta_retry": [2 * poll, 20 * poll, 80 * poll],
        },
        "metadata": {"anodeflow": {"kind": cluster.kind, "home": str(_home(cluster, settings))}},
    }


def _pre_run(cluster: ClusterInput, settings: Settings) -> list[str]:
    return [
        *cluster.setup,
        f"export PATH={shlex.quote(str(Path(_python(cluster)).parent))}:$PATH",
        f"export ANODEFLOW_HOME={shlex.quote(str(_home(cluster, settings)))}",
        # One thread a rank; a potential has no ranks, and all cores of the job until the code has them.
        "export OMP_NUM_THREADS=1",
        f"export ANODEFLOW_THREADS={_threads(cluster)}",
    ]


def _threads(cluster: ClusterInput) -> str:
    """Return how many threads a potential has in a job: the job's cores on its node, or its share of this machine's."""
    if cluster.kind == "local":
        return str(max(1, cores() // (cluster.max_jobs or 1)))
    return "${SLURM_CPUS_ON_NODE:-1}"


def _stores(cluster: ClusterInput, settings: Settings) -> dict[str, Any]:
    """Queue and results in the database of the environment, as jobflow-remote writes such things."""
    place = find_database(settings)
    if place.kind == "sqlite":
        raise InputError(
            f"a queue needs a database server, and {place.folder} is SQLite: {install_command('database')}, and set "
            "ANODEFLOW_EMBEDDED=secantusd, or set ANODEFLOW_DATABASE to a MongoDB URI."
        )
    uri = place.uri
    if place.kind == "secantusd":
        from anodeflow.database.service import start_service

        uri = start_service(place.folder).uri
    with open_store(settings) as opened:
        store: Any = opened
        documents, blobs = store.docs_store, store.additional_stores["data"]
        names = documents.collection_name, blobs.collection_name
    prefix = f"queue_{cluster.project}"
    database = {"uri": uri, "database": place.name}
    return {
        "queue": {
            "store": {"type": "MongoStore", **database, "collection_name": f"{prefix}_jobs"},
            "flows_collection": f"{prefix}_flows",
            "auxiliary_collection": f"{prefix}_auxiliary",
            "batches_collection": f"{prefix}_batches",
        },
        "jobstore": {
            "docs_store": {"type": "MongoStore", **database, "collection_name": names[0]},
            "additional_stores": {"data": {"type": "GridFSStore", **database, "collection_name": names[1]}},
        },
    }


def _prepare_queue(project: str) -> None:
    """Create the queue in the database, unless it is there already."""
    from anodeflow.execution.project import open_project

    with open_project(project) as remote:
        if remote.controller.auxiliary.find_one({"next_id": {"$exists": True}}) is None:
            remote.controller.reset(max_limit=1)


def _yaml(value: Any) -> str:
    return json.dumps(value)  # JSON is YAML
