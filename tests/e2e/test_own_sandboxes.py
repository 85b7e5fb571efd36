"""Workers with a sandbox each: made ahead, given back, and chosen where nothing can be forked."""
import concurrent.futures
import os
import pathlib
import platform
import signal
import subprocess
import unittest

from hearth_e2e import BUILD, Daemon, DaemonTest, handler_path, metric_sum, wait_until

FILTER = pathlib.Path(__file__).parent / "no_user_namespaces.py"
needs_root = unittest.skipUnless(os.geteuid() == 0, "needs root: blank sandboxes are root's")


def children(pid):
    return [int(each) for each in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class OwnSandboxTest(DaemonTest):
    def launcher(self):
        return children(self.daemon.process.pid)[0]

    def blanks(self, state="ready"):
        return metric_sum(self.daemon.metrics(), "hearth_blank_sandboxes", state=state)

    def starts(self, origin):
        return metric_sum(self.daemon.metrics(), "hearth_own_sandbox_starts_total", **{"from": origin})

    def create(self, name, handler="locator", **hearth):
        self.daemon.create_function(name, handler_path(handler), timeout=10, hearth=hearth or None)

    def wait_for_blanks(self, count):
        wait_until(lambda: self.blanks() == count, what=f"{count} blank sandboxes")


@needs_root
class Blanks(OwnSandboxTest):
    CONFIG = {"blanks_max": 2}

    def tearDown(self):
        self.daemon.delete_function("strict")
        self.wait_for_blanks(0)

    def test_there_are_some_while_a_function_uses_them_up_to_the_limit(self):
        self.create("plain")
        self.daemon.invoke("plain", {})
        self.assertEqual((0, 0), (self.blanks("wanted"), self.blanks()))
        self.create("strict", Isolation="strict")
        wait_until(lambda: self.blanks() >= 1, what="a blank sandbox")
        before = self.starts("blank")
        self.assertIn("layout", self.daemon.invoke("strict", {}).json())
        self.assertEqual(before + 1, self.starts("blank"))
        self.wait_for_blanks(2)  # one that was used lately, and one; no more than blanks_max
        with concurrent.futures.ThreadPoolExecutor(4) as all_at_once:
            answers = list(all_at_once.map(lambda _: self.daemon.invoke("strict", {"ms": 500}).json(), range(4)))
        self.assertEqual(4, len({each["layout"] for each in answers}), answers)
        self.assertEqual(4, len({each["network"] for each in answers}), answers)
        self.wait_for_blanks(2)
        self.assertEqual(2, self.blanks("wanted"))

    def test_they_are_the_platforms_in_ps_and_cost_nothing(self):
        self.create("strict", Isolation="strict")
        wanted = self.blanks("wanted")  # more than one if the function of that name was used just now
        self.wait_for_blanks(wanted)
        before = self.daemon.bill_of("strict")
        self.assertEqual({"wanted": wanted, "ready": wanted, "memory_mib": wanted},
                         self.daemon.control("GET", "/_hearth/v1/workers").json()["blank_sandboxes"])
        shown = self.daemon.hearth("ps")
        self.assertRegex(shown.stdout + shown.stderr, r"blank sandboxes: (\d) of \1 ready, \1 MiB \(the platform's, not billed\)")
        self.assertEqual(before, self.daemon.bill_of("strict"))

    def test_a_new_launcher_makes_them_anew_and_the_old_ones_die_with_theirs(self):
        self.create("strict", Isolation="strict")
        wait_until(lambda: self.blanks() == self.blanks("wanted") > 0, what="as many as are wanted")
        launcher = self.launcher()
        inits = children(launcher)
        os.kill(launcher, signal.SIGKILL)
        wait_until(lambda: not any(pathlib.Path(f"/proc/{each}").exists() for each in inits), what="the blank one gone")
        wait_until(lambda: self.daemon.running() and children(self.daemon.process.pid) and self.launcher() != launcher
                   and self.blanks() == self.blanks("wanted") > 0, what="new ones in a new launcher")
        self.assertIn("layout", self.daemon.invoke("strict", {}).json())


@needs_root
class OneBlank(OwnSandboxTest):
    CONFIG = {"blanks_max": 1}  # as many are wanted all the time

    def test_one_that_dies_is_made_anew(self):
        self.create("strict", Isolation="strict")
        wait_until(lambda: self.blanks() == 1 and len(children(self.launcher())) == 1, what="one, and nothing of the deploy left")
        before = children(self.launcher())
        os.kill(before[0], signal.SIGKILL)
        wait_until(lambda: len(children(self.launcher())) == 1 and children(self.launcher()) != before, what="another one")
        wait_until(lambda: self.blanks() == 1, what="it is ready")


class NoBlanks(OwnSandboxTest):
    CONFIG = {"blanks_max": 0}

    def test_none_are_kept_and_workers_start_all_the_same(self):
        self.create("strict", Isolation="strict")
        self.assertIn("layout", self.daemon.invoke("strict", {}).json())
        self.assertEqual((0, 0, 1), (self.blanks("wanted"), self.starts("blank"), self.starts("nothing")))


@needs_root
class LittleMemory(OwnSandboxTest):
    CONFIG = {"memory_mib": 128, "blanks_max": 2}

    def test_a_worker_that_needs_their_memory_gets_it(self):
        self.create("strict", Isolation="strict")
        self.wait_for_blanks(1)
        self.assertIn("layout", self.daemon.invoke("strict", {}).json())
        self.assertEqual(0, self.blanks("wanted"))


class Threads(OwnSandboxTest):
    """A library that leaves threads when it is loaded."""

    def check_that_it_is_told(self):
        described = self.daemon.hearth("describe", "threaded").stdout
        self.assertRegex(described, r"(?m)^isolation is +strict: its library starts threads while it is loaded")
        self.assertIn("a function's workers have a sandbox each", self.daemon.stderr())

    def test_its_workers_have_a_sandbox_each_from_the_deploy_on(self):
        self.create("threaded", "threaded")
        self.check_that_it_is_told()
        before = self.starts("blank") + self.starts("nothing")
        self.assertEqual([{"answered": 1}, {"answered": 2}], [self.daemon.invoke("threaded", {}).json() for _ in range(2)])
        self.assertEqual(before + 1, self.starts("blank") + self.starts("nothing"))
        # Found again after a restart, by the first start.
        self.daemon.restart()
        self.assertEqual({"answered": 1}, self.daemon.invoke("threaded", {}).json())
        self.check_that_it_is_told()

    def test_each_event_has_its_own_where_it_asks_for_that(self):
        self.create("each", "threaded", Isolation="invocation")
        self.assertEqual([{"answered": 1}] * 2, [self.daemon.invoke("each", {}).json() for _ in range(2)])


@needs_root
@unittest.skipUnless(platform.machine() == "x86_64", "the filter of the test is x86_64's")
class NoUserNamespaces(unittest.TestCase):
    """As root in a container whose filter refuses them: no worker can be forked, each has a sandbox."""

    def test_strict_is_chosen_and_told(self):
        daemon = Daemon(wrapper=[FILTER])
        self.addCleanup(daemon.remove)
        daemon.start()
        daemon.create_function("plain", handler_path("locator"), timeout=10)
        with concurrent.futures.ThreadPoolExecutor(2) as both:
            one, other = both.map(lambda _: daemon.invoke("plain", {"ms": 300}).json(), range(2))
        self.assertNotEqual(one["layout"], other["layout"])
        self.assertGreater(max(daemon.invoke("plain", {}).json()["calls"] for _ in range(2)), 1)
        self.assertRegex(daemon.hearth("describe", "plain").stdout, r"(?m)^isolation is +strict: this host gives workers no namespaces")
        self.assertIn("namespaces of each worker: degraded (EPERM", daemon.stderr())

    def test_doctor_says_so_and_measures_them(self):
        ran = subprocess.run([FILTER, BUILD / "bin/hearth", "doctor"], capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(0, ran.returncode, ran)
        self.assertRegex(ran.stdout, r"(?m)^namespaces of each worker +degraded.*EPERM")
        self.assertRegex(ran.stdout, r"(?m)^each worker more: [\d.]+ ms")


if __name__ == "__main__":
    unittest.main()
