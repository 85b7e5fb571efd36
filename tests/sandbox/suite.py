"""Runs probes of rows.py in a real daemon, with a sibling that must not notice and a neighbour that must answer."""
import contextlib
import io
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import socket
import stat
import sys
import tempfile
import threading
import zipfile

import rows

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from hearth_e2e import BUILD, Daemon, handler_path, wait_until  # noqa: E402

NOBODY = 65534
MARKER = b"hearth weakened layers: "
SO_NETNS_COOKIE = 71
SEED = 20261129


def children(pid):
    return [int(each) for each in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def host_network():
    with socket.socket(socket.AF_UNIX) as any_socket:
        return int.from_bytes(any_socket.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8), "little")


class Tree:
    """Executables where every user may look; a launcher and a worker without some layers, if asked for."""

    def __init__(self, without=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-attacks-"))
        self.folder.chmod(0o755)
        libexec = self.folder / "libexec/hearth"
        libexec.mkdir(parents=True)
        (self.folder / "bin").mkdir()
        shutil.copy(BUILD / "bin/hearthd", self.folder / "bin/hearthd")
        for part in ("launcher", "worker"):
            built = BUILD / f"libexec/hearth/hearth-{part}" if not without else BUILD / f"tests/weakened/weakened-{part}"
            shutil.copy(built, libexec / f"hearth-{part}")
            if without:
                self.weaken(libexec / f"hearth-{part}", without)

    @staticmethod
    def weaken(executable, without):
        image = bytearray(executable.read_bytes())
        if image.count(MARKER + b"0") != 1:
            raise AssertionError(f"{executable} has no marker, or two")
        at = image.index(MARKER) + len(MARKER)
        for layer in without:
            image[at + rows.layers().index(layer)] = ord("1")
        executable.write_bytes(image)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Suite:
    def __init__(self, user=None, without=(), isolation="instance"):
        self.tree = Tree(without)
        self.user = user
        self.isolation = isolation
        self.daemon = Daemon(executable=self.tree.folder / "bin/hearthd", uid=user)
        self.holds = itertools.count()
        rows.HOST_NETWORK["cookie"] = host_network()

    def start(self):
        self.daemon.start()
        self.bucket = self.daemon.folder / "suite"
        self.bucket.mkdir()
        if self.user is not None:
            os.chown(self.bucket, self.user, self.user)
        self.daemon.put_bucket("suite", self.bucket)
        self.create("attacker", memory=256, hearth={"Buckets": [{"Bucket": "suite", "Writable": True}], "Isolation": self.isolation})
        self.neighbour_calls = 0
        self.daemon.create_function("neighbour", handler_path("victim"))
        self.launcher = children(self.daemon.process.pid)
        self.created = {"attacker"}
        return self

    def stop(self):
        self.daemon.remove()
        self.tree.remove()

    def create(self, name, memory=256, library="attacker", timeout=60, **settings):
        self.daemon.create_function(name, handler_path(library), memory=memory, timeout=timeout, **settings)

    FUNCTIONS = {
        "attacker_large": {"memory": 1024, "EphemeralStorage": {"Size": 64}},
        "attacker_small": {"memory": 128},
        "attacker_hasty": {"timeout": 1},
        "intruder": {"library": "intruder", "timeout": 3},
    }

    def need(self, function):
        if function in self.created:
            return
        self.created.add(function)
        self.create(function, **{"hearth": {"Isolation": self.isolation}, **self.FUNCTIONS[function]})

    # --- one probe ---

    def run(self, probe):
        """Its outcome; raises when anything else took harm from it."""
        self.need(probe.function)
        with self.sibling():
            outcome = getattr(self, "run_" + probe.kind)(probe)
            if probe.spoils:  # the sibling's is the only other worker, and busy
                self.daemon.invoke(probe.function, {"deed": "exit", "code": 0})
        self.check_neighbour()
        return outcome

    def run_alone(self, probe):
        self.daemon.invoke("attacker", {})
        return getattr(self, "run_" + probe.kind)(probe)

    @contextlib.contextmanager
    def sibling(self):
        number = next(self.holds)
        ready, until = f"ready-{number}", f"until-{number}"
        order = {"deed": "hold", "secret": f"secret-{number}", "ready": f"/mnt/buckets/suite/{ready}",
                 "until": f"/mnt/buckets/suite/{until}"}
        held = []
        holder = threading.Thread(target=lambda: held.append(self.daemon.invoke("attacker", order)))
        holder.start()
        try:
            wait_until(lambda: (self.bucket / ready).exists() or not holder.is_alive(), what="the sibling is there")
            yield
        finally:
            (self.bucket / until).touch()
            holder.join()
        if [each.json() for each in held] != ["unharmed"]:
            raise AssertionError(f"the sibling: {held}")

    def check_neighbour(self):
        if not self.daemon.running() or children(self.daemon.process.pid) != self.launcher:
            raise AssertionError("daemon and launcher are not the ones that they were")
        self.neighbour_calls += 1
        answer = self.daemon.invoke("neighbour", {"do": "count"})
        if answer.json() != self.neighbour_calls:
            raise AssertionError(f"the neighbour was called {self.neighbour_calls} times, and says {answer}")

    def filled(self, order):
        return json.loads(json.dumps(order).replace("{data}", str(self.daemon.data_dir)))

    def run_invoke(self, probe):
        order = self.filled(probe.order)
        if order.get("deed") == "spin":
            before = self.daemon.invoke(probe.function, {"deed": "cpu time"}).json()
            return {"used_us": self.daemon.invoke(probe.function, order).json() - before}
        return outcome_of(self.daemon.invoke(probe.function, order))

    # What a constructor tries, in the zygote: the deployment is refused, and says how the process ended.
    def run_load(self, probe):
        answer = self.daemon.try_create_function("loaded", handler_path("attacker"), env={"ON_LOAD": json.dumps(probe.order)})
        killed = re.search(r"for the system call (\w+),", answer.message)
        code = re.search(r"exit code (\d+)", answer.message)
        if answer.status == 201:
            self.daemon.delete_function("loaded")
            return "deployed"
        if killed:
            return f"killed: {killed[1]}"
        return errno_name(int(code[1]) - 100) if code else answer.message

    def run_package(self, probe):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as package:
            package.write(handler_path("attacker"), "libattacker.so")
            entry = zipfile.ZipInfo(probe.order["entry"])
            entry.create_system, entry.external_attr = 3, probe.order["mode"] << 16
            package.writestr(entry, b"target")
        answer = self.daemon.try_create_function("packed", packed.getvalue(), handler="libattacker.so")
        return "refused" if answer.status == 400 else answer.status

    def run_damaged(self, probe):
        randomly = random.Random(SEED)
        whole = handler_path("attacker").read_bytes()
        statuses = set()
        for _ in range(probe.order["damage"]):
            damaged = bytearray(whole)
            damaged[randomly.randrange(64)] ^= 1 << randomly.randrange(8)
            for _ in range(4):
                damaged[randomly.randrange(4096)] = randomly.randrange(256)
            status = self.daemon.try_create_function("damaged", bytes(damaged), handler="libattacker.so").status
            if status == 201:
                self.daemon.delete_function("damaged")
            statuses.add(status)
        return "refused" if statuses <= {400, 201} and 400 in statuses else statuses

    def run_configuration(self, probe):
        order = probe.order
        answer = self.daemon.try_create_function(order.get("name", "configured"), handler_path("attacker"),
                                                 handler=order.get("handler"), env=order.get("environment"))
        return "refused" if answer.status == 400 else answer.status

    # --- a sibling as it looks from outside ---

    def run_observe(self, probe):
        init, worker = next((init, pid) for init in children(self.launcher[0]) for pid in children(init) if comm(pid) == "attacker")
        return getattr(self, "observe_" + probe.order["observe"].replace(" ", "_"))(pathlib.Path(f"/proc/{worker}"), init)

    @staticmethod
    def zygote_of(init):
        return pathlib.Path(f"/proc/{min(children(init))}")

    def observe_namespaces(self, worker, _):
        return common_namespaces(worker, pathlib.Path(f"/proc/{self.daemon.process.pid}"))

    def observe_namespaces_of_zygote(self, worker, init):
        return common_namespaces(worker, self.zygote_of(init))

    def observe_status(self, worker, _):
        status = status_of(worker)
        return {name: int(status[name], 16 if name.startswith("Cap") else 10)
                for name in ("CapEff", "CapPrm", "CapInh", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters")}

    def observe_bounding_set(self, _, init):
        return int(status_of(self.zygote_of(init))["CapBnd"], 16)

    def observe_uid(self, worker, _):
        return int(status_of(worker)["Uid"].split()[0])

    def observe_dumpable(self, worker, _):
        return "root's: not dumpable" if os.stat(worker / "environ").st_uid == 0 else "its own"

    def observe_cgroups(self, worker, _):
        mine = set((pathlib.Path(f"/proc/{self.daemon.process.pid}") / "cgroup").read_text().splitlines())
        memory = [line for line in (worker / "cgroup").read_text().splitlines() if re.search(r"memory|pids|^0::", line)]
        return all(line not in mine for line in memory)

    def observe_descriptors(self, worker, _):
        return sorted(int(fd) for fd in os.listdir(worker / "fd"))

    def observe_limits(self, worker, _):
        text = (worker / "limits").read_text()
        names = {"core": "Max core file size", "msgqueue": "Max msgqueue size", "nice": "Max nice priority",
                 "rtprio": "Max realtime priority", "nofile": "Max open files"}
        return {short: int(re.search(rf"{name} +(\d+)", text)[1]) for short, name in names.items()}


def comm(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def status_of(process):
    return dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)


def common_namespaces(one, other):
    return [name for name in ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
            if os.readlink(one / "ns" / name) == os.readlink(other / "ns" / name)]


def errno_name(number):
    import errno
    return "ok" if number == 0 else errno.errorcode.get(number, str(number))


def outcome_of(answer):
    if answer.status != 200:
        return f"status {answer.status}"
    if not answer.function_error:
        return answer.json()
    error = answer.json()
    message, kind = error["errorMessage"], error["errorType"]
    if named := re.search(r"bad system call: (\w+), which", message):
        return f"killed: {named[1]}"
    if "bad system call" in message:
        return rows.KERNEL
    if kind == "Runtime.OutOfMemory":
        return "out of memory"
    if kind == "Sandbox.Timedout":
        return "timed out"
    if code := re.search(r"exit status (\d+)", message):
        return f"exit {code[1]}"
    if found := re.search(r"signal: .*", message):
        return found[0]
    if kind == "Runtime.ExitError":
        return "Runtime.ExitError: " + message.split("exited ")[-1]
    return kind
