"""stress-ng as a function: what it takes of the machine is bounded by cgroups, rlimits and namespaces alone.

Filters and Landlock have no exec, and so are off here, as nowhere else but in the control: what they stop is not asked. Each stressor runs
for a second (HEARTH_LONG=1: five) in a worker of 256 MiB; whatever comes of it, nobody else may notice, and nothing may stay.
"""
import io
import os
import pathlib
import shutil
import time
import unittest
import zipfile

from suite import Suite, children, comm
from hearth_e2e import handler_path, wait_until
from ledger_reader import read_ledger

STRESS_NG = shutil.which("stress-ng")
LONG = os.environ.get("HEARTH_LONG") == "1"
SECONDS = 5 if LONG else 1
WITHOUT = ["kZygoteFilter", "kWorkerFilter", "kLandlock"]
MEMORY_MIB = 256
BATCH_KIB = 256  # the kernel charges 64 pages at once, and its peak may have some of them over the limit

# Name, its options; more of them in the long form.
STRESSORS = [
    ("memory", ["--vm", "2", "--vm-bytes", "2g", "--vm-keep"]),
    ("processes", ["--fork", "8", "--fork-max", "64"]),
    ("threads and clones", ["--clone", "4", "--clone-max", "2048"]),
    ("zombies", ["--zombie", "2", "--zombie-max", "4096"]),
    ("daemons", ["--daemon", "4"]),
    ("descriptors", ["--open", "2"]),
    ("disk", ["--hdd", "2", "--hdd-bytes", "1g"]),
    ("shared memory", ["--shm-sysv", "2", "--shm-sysv-bytes", "64m"]),
    ("semaphores and queues", ["--sem-sysv", "2", "--mq", "2"]),
    ("memfd", ["--memfd", "2", "--memfd-bytes", "1g"]),
]
MORE = [
    ("processor", ["--cpu", "8"]),
    ("heap", ["--bigheap", "2"]),
    ("stack", ["--stack", "2"]),
    ("brk", ["--brk", "2"]),
    ("mappings", ["--mmap", "4", "--mmap-bytes", "1g"]),
    ("sockets", ["--sock", "2"]),
    ("socket pairs", ["--sockpair", "2"]),
    ("pipes", ["--pipe", "4"]),
    ("signals", ["--sigq", "4"]),
    ("timers", ["--timer", "2"]),
    ("folders", ["--dirdeep", "2"]),
    ("names", ["--filename", "2"]),
    ("userfaultfd", ["--userfaultfd", "2"]),
    ("io_uring", ["--io-uring", "2"]),
    ("keys", ["--key", "2"]),
    ("limits", ["--rlimit", "2"]),
]


def package():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
        out.write(handler_path("attacker"), "libattacker.so")
        entry = zipfile.ZipInfo("stress-ng")
        entry.create_system, entry.external_attr, entry.compress_type = 3, 0o100755 << 16, zipfile.ZIP_DEFLATED
        out.writestr(entry, pathlib.Path(STRESS_NG).read_bytes())
    return packed.getvalue()


@unittest.skipUnless(os.geteuid() == 0, "needs root: to limit memory and processes")
@unittest.skipUnless(STRESS_NG, "stress-ng is not installed (apt-get install stress-ng; ./dev test does)")
class Stress(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.suite = Suite(without=WITHOUT)
        cls.addClassCleanup(cls.suite.stop)
        cls.suite.start()
        cls.suite.daemon.create_function("stress", package(), handler="libattacker.so", memory=MEMORY_MIB, timeout=120)

    def below(self, pid):
        """All processes below, by what they are called."""
        found = []
        for child in children(pid):
            found.append(comm(child))
            found += self.below(child)
        return found

    def stress(self, options):
        words = ["/var/task/stress-ng", *options, "--timeout", f"{SECONDS}s", "--temp-path", "/tmp", "--quiet", "--oomable"]
        with self.suite.sibling():
            answer = self.suite.daemon.invoke("stress", {"deed": "run", "words": words, "seconds": SECONDS + 10})
        self.suite.check_neighbour()
        return answer

    def test_stressors(self):
        daemon = self.suite.daemon
        launcher = self.suite.launcher[0]
        for name, options in STRESSORS + (MORE if LONG else []):
            with self.subTest(name):
                began = time.monotonic()
                answer = self.stress(options)
                self.assertLess(time.monotonic() - began, 60, "bounded by its own time-out and ours")
                self.assertEqual(200, answer.status, answer)
                if answer.function_error:
                    self.assertIn(answer.json()["errorType"], ("Runtime.OutOfMemory", "Runtime.ExitError"), answer)
                else:
                    self.assertNotEqual({"exit": 127}, answer.json(), "it did not even start")
                record = [each for each in read_ledger(daemon.data_dir / "ledger") if each.function == "stress"][-1]
                self.assertLessEqual(record.memory_peak_kib, (MEMORY_MIB << 10) + BATCH_KIB)
                wait_until(lambda: "stress-ng" not in " ".join(self.below(launcher)), what="nothing of it is left")


if __name__ == "__main__":
    unittest.main()
