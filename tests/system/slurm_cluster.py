"""A real Slurm of one node on loopback: munged, slurmctld and slurmd with their own keys, folders and ports. Needs root, and nothing of an init."""
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel"]
CPUS = 2

CONFIGURATION = """
ClusterName=symphony
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=30
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0,bf_interval=1
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE State=UP
"""


def missing_programs():
    folders = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # daemons, also for a user whose PATH has none
    return [program for program in PROGRAMS if not shutil.which(program, path=folders)]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_until(holds, what, seconds=600):
    """Polls; the limit is for a machine under load, not an expectation."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = holds()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


def die_with_parent():
    """In a child before exec: a daemon must not outlive a test that is killed."""
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Cluster:
    """`with Cluster(folder) as cluster`: up inside, all its processes gone outside."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.configuration = self.folder / "slurm.conf"
        self.environment = {**os.environ, "SLURM_CONF": str(self.configuration)}
        self.environment["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        self.daemons = []

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        for name in ["state", "spool", "munge"]:
            (self.folder / name).mkdir()
        controller_port, node_port = free_ports(2)
        self.configuration.write_text(CONFIGURATION.format(folder=self.folder, controller_port=controller_port, node_port=node_port, cpus=CPUS))
        # Found beside slurm.conf. Nothing here uses cgroups; detecting their version fails where /sys is not mounted, and this skips it.
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        munge = self.folder / "munge"
        # --force: the socket lies in a private folder, which is right here, where all users are root.
        self.run_daemon("munged", "--foreground", "--force", f"--key-file={key}", f"--socket={self.folder}/munge.socket",
                        f"--pid-file={munge}/pid", f"--seed-file={munge}/seed", "--num-threads=2", "--origin=127.0.0.1")
        wait_until((self.folder / "munge.socket").exists, "munged's socket")
        self.run_daemon("slurmctld", "-D", "-f", self.configuration)
        self.run_daemon("slurmd", "-D", "-N", "localhost", "-f", self.configuration)
        wait_until(self.is_idle, f"an idle node; the daemons say\n{self.logs()}", 60)

    def run_daemon(self, program, *arguments):
        with open(self.folder / f"{program}.log", "ab") as log:
            self.daemons.append(subprocess.Popen([program, *map(str, arguments)], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                                 env=self.environment, cwd=self.folder, start_new_session=True,
                                                 preexec_fn=die_with_parent))

    def is_idle(self):
        for daemon in self.daemons:
            assert daemon.poll() is None, f"{daemon.args[0]} ended with {daemon.returncode}\n{self.logs()}"
        done = subprocess.run(["sinfo", "--noheader", "--format=%T"], env=self.environment, capture_output=True, text=True)
        return done.stdout.strip() == "idle"

    def logs(self):
        return "\n".join(f"==> {path.name}\n{path.read_text(errors='replace')[-4000:]}" for path in sorted(self.folder.glob("*.log")))

    def call(self, *command):
        done = subprocess.run([*map(str, command)], env=self.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stderr}\n{self.logs()}"
        return done.stdout

    def queue(self):
        """Lines "job_task STATE" of what is pending or running."""
        return self.call("squeue", "--array", "--noheader", "--format=%F_%K %T").split("\n")[:-1]

    def release_requeued(self):
        """Slurm lets a requeued task wait for two minutes, until its old credential has expired."""
        for line in self.call("squeue", "--array", "--noheader", "--format=%i %r").split("\n"):
            if line.endswith("BeginTime"):
                self.call("scontrol", "update", f"JobId={line.split()[0]}", "StartTime=now")

    def wait_until_empty(self):
        def is_empty():
            self.release_requeued()
            return not self.queue()
        try:
            wait_until(is_empty, "an empty queue", 240)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.call('squeue', '--long')}\n{self.logs()}") from None

    def stop(self):
        self.kill_tasks()
        for daemon in reversed(self.daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in self.daemons:
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self.kill_leftovers()

    def kill_tasks(self):
        """Daemons end at once when nothing runs. What goes wrong here is left to kill_leftovers."""
        def call(*command):
            return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120)
        deadline = time.monotonic() + 10
        while call("squeue", "--noheader").stdout and time.monotonic() < deadline:
            call("scancel", "--user=root")
            call("scancel", "--user=root", "--signal=KILL", "--full")
            time.sleep(0.2)

    def kill_leftovers(self):
        """Tasks and their slurmstepd are sessions of their own; all of them inherit our configuration's unique path."""
        mine = f"SLURM_CONF={self.configuration}".encode()
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if mine in (process / "environ").read_bytes().split(b"\0"):
                    os.kill(int(process.name), signal.SIGKILL)
            except OSError:
                pass  # it has ended
