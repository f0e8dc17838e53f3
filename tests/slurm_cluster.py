"""A Slurm cluster of two emulated nodes on this machine, brought up for tests and taken down without a trace."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import psutil
from processes import wait_until

APT = "apt-get install --no-install-recommends slurmctld slurmd slurm-client munge"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sinfo")
NODES = ("n1", "n2")
PARTITION = "debug"

# Four cores a node, whatever the machine has: most test jobs sleep.
CONFIGURATION = """
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={base}/munge/socket
CredType=cred/munge
StateSaveLocation={base}/state
SlurmdSpoolDir={base}/spool.%n
SlurmctldPidFile={base}/slurmctld.pid
SlurmdPidFile={base}/slurmd.%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=2,batch_sched_delay=0
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=300
SlurmctldTimeout=60
SlurmdTimeout=60
MessageTimeout=5
InactiveLimit=0
KillWait=2
Waittime=0
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[1]} CPUs=4 RealMemory=2000 State=UNKNOWN
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[2]} CPUs=4 RealMemory=2000 State=UNKNOWN
PartitionName=debug Nodes=n1,n2 Default=YES MaxTime=60 State=UP
"""


def missing_programs() -> list[str]:
    """Programs of Slurm that are not installed; daemons often lie in /usr/sbin alone."""
    return [name for name in PROGRAMS if _which(name) is None]


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


class SlurmCluster:
    """The cluster; `base` is its folder, short because sockets lie in it."""

    def __init__(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="anfs", dir="/tmp"))
        self.configuration = self.base / "slurm.conf"
        self.environment = os.environ | {"SLURM_CONF": str(self.configuration)}
        self.daemons: dict[str, subprocess.Popen] = {}

    # --- up and down ---

    def start(self) -> None:
        """Bring everything up and wait until both nodes take jobs."""
        for folder in ("munge", "state", "log", *(f"spool.{node}" for node in NODES)):
            (self.base / folder).mkdir(mode=0o700)
        key = self.base / "munge" / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        self.configuration.write_text(
            CONFIGURATION.format(base=self.base, user=getpass.getuser(), ports=_free_ports(3))
        )
        self._run(
            "munged",
            *("--foreground", f"--key-file={key}", f"--socket={self.base}/munge/socket"),
            *(f"--pid-file={self.base}/munge/pid", f"--log-file={self.base}/munge/log"),
            f"--seed-file={self.base}/munge/seed",
            "--force",  # its folder, like all of them, is its user's alone
        )
        assert wait_until((self.base / "munge" / "socket").exists, 20), self._log("munged")
        self.start_controller()
        for node in NODES:
            self.start_node(node)
        assert wait_until(lambda: self.states() == {"n1": "idle", "n2": "idle"}, 60), (
            self.states(),
            self._log("slurmctld"),
        )

    def stop(self) -> None:
        """Take everything down; raise AssertionError if a process is left."""
        if "slurmctld" in self.daemons and self.daemons["slurmctld"].poll() is None:
            for job in self.jobs():
                self.command("scancel", job)
            wait_until(lambda: not self.jobs(), 20)
        for name in [*(f"slurmd.{node}" for node in NODES), "slurmctld", "munged"]:
            self._end(name)
        wait_until(lambda: not self.processes(), 5)  # one that is ending has not yet been reaped
        left = self.processes()
        for process in left:
            process.kill()
        shutil.rmtree(self.base, ignore_errors=True)
        assert left == [], left

    def start_controller(self) -> None:
        """Start slurmctld, and wait until it answers."""
        self._run("slurmctld", "-D", "-f", str(self.configuration))
        assert wait_until(lambda: self.command("scontrol", "ping", check=False).returncode == 0, 30), self._log(
            "slurmctld"
        )

    def stop_controller(self) -> None:
        """Kill slurmctld, as a crash would."""
        self._end("slurmctld", signal.SIGKILL)

    def start_node(self, node: str) -> None:
        """Start slurmd of a node."""
        self._run("slurmd", "-D", "-f", str(self.configuration), "-N", node, name=f"slurmd.{node}")

    # --- its commands ---

    def command(self, *words: str, check: bool = True) -> subprocess.CompletedProcess:
        """Run a command of Slurm."""
        return subprocess.run(words, env=self.environment, check=check, capture_output=True, text=True, timeout=60)

    def states(self) -> dict[str, str]:
        """State of each node."""
        told = self.command("sinfo", "-h", "-N", "-o", "%N %t", check=False).stdout
        return dict(line.split() for line in told.splitlines())

    def jobs(self, state: str | None = None) -> dict[str, str]:
        """Number -> name of the jobs in the queue, of one state if given (R, PD)."""
        words = ["-t", state] if state else []
        told = self.command("squeue", "-h", *words, "-o", "%i %j", check=False).stdout
        return dict(line.split(maxsplit=1) for line in told.splitlines())

    def node_of(self, job: str) -> str:
        """Name of the node on which a job runs."""
        return self.command("squeue", "-h", "-j", job, "-o", "%N").stdout.strip()

    def processes(self) -> list[psutil.Process]:
        """Every process of the cluster, of its jobs too: they all know its configuration."""
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            if process.info["status"] == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
                continue
            try:
                known = process.environ().get("SLURM_CONF") == str(self.configuration)
            except psutil.Error:
                continue
            if known or str(self.base) in " ".join(process.info["cmdline"] or []):
                found.append(process)
        return found

    def _run(self, program: str, *arguments: str, name: str | None = None) -> None:
        name = name or program
        path = _which(program)
        assert path is not None
        with (self.base / "log" / name).open("ab") as log:
            self.daemons[name] = subprocess.Popen(
                [path, *arguments], env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def _end(self, name: str, how: int = signal.SIGTERM) -> None:
        process = self.daemons.pop(name, None)
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _log(self, name: str) -> str:
        return (self.base / "log" / name).read_text(errors="replace")[-3000:]
