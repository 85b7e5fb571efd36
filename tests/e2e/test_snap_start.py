"""SnapStart: the init of a published version runs once, in a process that its workers are copies of."""
import concurrent.futures
import http.client
import os
import pathlib
import re
import shutil
import signal
import tempfile
import unittest

from hearth_e2e import BUILD, Daemon, DaemonTest, handler_path, metric_sum, wait_until

NOBODY = 65534
SNAP_START = {"ApplyOn": "PublishedVersions"}
REPLACED = "a zygote has been replaced"


def children(pid):
    try:
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


class SnapStartTest(DaemonTest):
    ARGUMENTS = ()

    def create(self, name, mode="", work_ms=20, hearth=None, **settings):
        self.daemon.create_function(name, handler_path("snapper"), timeout=20, hearth=hearth,
                                    env={"MODE": mode, "WORK_MS": str(work_ms)}, SnapStart=SNAP_START, **settings)

    def try_publish(self, name):
        return self.daemon.control("POST", f"/2015-03-31/functions/{name}/versions", {})

    def publish(self, name):
        answer = self.try_publish(name)
        self.assertEqual(201, answer.status, answer)
        return answer.json()

    def call(self, name, version="1", **order):
        answer = self.daemon.invoke(f"{name}:{version}", order)
        self.assertIsNone(answer.function_error, answer)
        self.assertEqual(200, answer.status, answer)
        return answer.json()

    def many_at_once(self, name, workers=3):
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            return list(pool.map(lambda _: self.call(name, ms=300), range(workers)))

    def count(self, name, line):
        return self.daemon.logs(name).splitlines().count(line)

    def zygotes(self):
        """Pids of the processes that workers are copies of: the child of each sandbox's init."""
        launcher = children(self.daemon.process.pid)[0]
        return [child for init in children(launcher) for child in children(init)[:1]]


class Copies(SnapStartTest):
    def test_one_init_for_many_workers_each_with_an_after_restore(self):
        self.create("many")
        self.assertEqual({"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}, self.publish("many")["SnapStart"])
        self.assertEqual(1, self.count("many", "init knows of its copies"))
        self.assertEqual(0, self.count("many", "after_restore prints"))
        answers = self.many_at_once("many")
        self.assertEqual(1, len({answer["origin"] for answer in answers}), answers)
        self.assertEqual(3, len({answer["copy"] for answer in answers}), answers)
        self.assertEqual({"snap-start"}, {answer["type"] for answer in answers})
        self.assertTrue(all(answer["rows"] > 0 for answer in answers))
        self.assertEqual(1, self.count("many", "init knows of its copies"))
        self.assertEqual(1, self.count("many", "before_checkpoint prints"))
        self.assertEqual(3, self.count("many", "after_restore prints"))
        # A worker that is used again is not restored again.
        self.assertGreater(self.call("many")["calls"], 1)
        self.assertEqual(3, self.count("many", "after_restore prints"))

    def test_what_is_not_published_has_an_init_in_each_worker(self):
        self.create("latest")
        latest = self.daemon.get_function("latest").json()["Configuration"]
        self.assertEqual({"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}, latest["SnapStart"])
        answer = self.call("latest", "$LATEST")
        self.assertEqual((0, "on-demand"), (answer["copy"], answer["type"]))
        self.assertEqual(0, self.count("latest", "init knows of its copies"))
        self.assertEqual(0, self.count("latest", "after_restore prints"))

    def test_copies_have_the_state_of_a_random_engine_but_not_the_kernels_randomness(self):
        self.create("shared")
        self.publish("shared")
        answers = self.many_at_once("shared")
        self.assertEqual(1, len({answer["engine"] for answer in answers}), answers)
        self.assertEqual(3, len({answer["random"] for answer in answers}), answers)
        self.create("reseeds", "reseed")
        self.publish("reseeds")
        answers = self.many_at_once("reseeds")
        self.assertEqual(3, len({answer["engine"] for answer in answers}), answers)

    def test_each_event_has_a_copy_of_its_own_with_isolation_invocation(self):
        self.create("each", hearth={"Isolation": "invocation"})
        self.publish("each")
        answers = [self.call("each") for _ in range(3)]
        self.assertEqual([1, 1, 1], [answer["calls"] for answer in answers])
        self.assertEqual(1, len({answer["origin"] for answer in answers}))
        self.assertEqual(3, len({answer["copy"] for answer in answers}))
        self.assertEqual(1, self.count("each", "init runs"))

    def test_strict_isolation_is_refused_by_name(self):
        answer = self.daemon.try_create_function("strict", handler_path("snapper"), SnapStart=SNAP_START,
                                                 hearth={"Isolation": "strict"})
        self.assert_refused(answer, 400, "InvalidParameterValueException", "SnapStart", '"strict"', "ApplyOn")
        self.create("turns")
        answer = self.daemon.update_configuration("turns", Hearth={"Isolation": "strict"})
        self.assert_refused(answer, 400, "InvalidParameterValueException", "SnapStart", '"strict"')

    def test_a_value_that_is_none_is_refused_in_lambdas_words(self):
        answer = self.daemon.try_create_function("wrong", handler_path("snapper"), SnapStart={"ApplyOn": "Always"})
        self.assert_refused(answer, 400, "InvalidParameterValueException", "'Always' at 'snapStart.applyOn'",
                            "[PublishedVersions, None]")
        for bad in ({"ApplyOn": 1}, "PublishedVersions", []):
            answer = self.daemon.try_create_function("wrong", handler_path("snapper"), SnapStart=bad)
            self.assert_refused(answer, 400, "InvalidParameterValueException", "SnapStart")

    def test_what_is_published_stays_as_it_is(self):
        self.create("stays")
        self.publish("stays")
        self.assertEqual(200, self.daemon.update_configuration("stays", SnapStart={"ApplyOn": "None"}).status)
        second = self.publish("stays")
        self.assertEqual("2", second["Version"])
        self.assertEqual({"ApplyOn": "None", "OptimizationStatus": "Off"}, second["SnapStart"])
        self.assertEqual("snap-start", self.call("stays", "1")["type"])
        self.assertEqual("on-demand", self.call("stays", "2")["type"])

    def test_secrets_are_there_for_init(self):
        self.assertEqual(0, self.daemon.hearth("secret", "set", "word", stdin="xyzzy").returncode)
        self.create("secret", hearth={"Secrets": ["word"]})
        self.publish("secret")
        self.assertEqual("xyzzy", self.call("secret")["secret"])
        # A new value is taken up by another init.
        self.assertEqual(0, self.daemon.hearth("secret", "set", "word", stdin="plugh").returncode)
        self.assertEqual("plugh", self.call("secret")["secret"])

    def test_descriptors_of_init_are_in_each_copy_and_none_of_ours(self):
        self.create("plain")
        self.publish("plain")
        self.assertEqual([0, 1, 2, 3], self.call("plain")["open"])
        self.create("files", "descriptors")
        self.publish("files")
        for answer in self.many_at_once("files", 2):
            self.assertEqual("ELF", answer["magic"])
            self.assertEqual(5, len(answer["open"]), answer)
        self.create("dup", "dup")  # of the channel to init
        self.publish("dup")
        self.assertEqual([0, 1, 2, 3], self.call("dup")["open"])

    def test_the_command_line_sets_it_and_shows_it(self):
        package = handler_path("snapper")
        made = self.daemon.hearth("deploy", package, "--name", "shown", "--snap-start", "published")
        self.assertEqual(0, made.returncode, made.stderr)
        self.assertRegex(self.daemon.hearth("describe", "shown").stdout, r"snap start +of published versions")
        self.publish("shown")
        self.assertRegex(self.daemon.hearth("describe", "shown:1").stdout, r"snap start +on")
        back = self.daemon.hearth("deploy", package, "--name", "shown", "--snap-start", "none")
        self.assertIn("snap start published -> none", back.stdout)
        self.assertNotIn("snap start", self.daemon.hearth("describe", "shown").stdout)
        wrong = self.daemon.hearth("deploy", package, "--name", "shown", "--snap-start", "always")
        self.assertEqual(2, wrong.returncode)


class Refused(SnapStartTest):
    """An init that cannot be copied: the version is not published, the function goes on."""
    CONFIG = {"init_time_out_s": 2}

    def refused(self, mode, *words, **settings):
        name = mode
        self.create(name, mode, **settings)
        answer = self.try_publish(name)
        self.assert_refused(answer, 400, "InvalidParameterValueException", "version 1 is not published", *words)
        versions = self.daemon.control("GET", f"/2015-03-31/functions/{name}/versions").json()["Versions"]
        self.assertEqual(["$LATEST"], [version["Version"] for version in versions])
        self.assertEqual((0, 0), tuple(self.daemon.bill_of(name)))
        return self.daemon.logs(name)

    def test_init_throws(self):
        log = self.refused("init-throws", "run init", "std::runtime_error: no table today")
        self.assertIn("init runs", log)
        self.assertRegex(log, r"INIT_REPORT Init Duration: [0-9.]+ ms\tPhase: snapshot\tStatus: error\t"
                              r"Error Type: std::runtime_error\tError: no table today")

    def test_init_crashes(self):
        log = self.refused("init-crashes", "run init", "signal 11", "Snapper::Snapper")
        self.assertIn("Error Type: Runtime.ExitError\tError: run init: the handler ended", log)

    def test_init_exits(self):
        self.refused("init-exits", "run init", "exit code 7")

    def test_init_does_not_end(self):
        log = self.refused("init-hangs", "run init", "Sandbox.Timedout", "2000.00 ms")
        self.assertIn("Status: error\tError Type: Sandbox.Timedout", log)

    def test_init_takes_more_memory_than_it_has(self):
        self.refused("init-eats", "run init", *(["128 MB"] if os.geteuid() == 0 else []))

    def test_a_thread_is_left(self):
        log = self.refused("threads", "look for threads after before_checkpoint", "before_checkpoint", "join")
        self.assertIn("Error Type: Hearth.SnapshotThreads", log)

    def test_before_checkpoint_throws(self):
        self.refused("checkpoint-throws", "run before_checkpoint", "std::logic_error: not now")

    def test_there_is_no_tmp_in_init(self):
        self.refused("tmp", "no /tmp in init")

    def test_a_library_with_threads_of_its_own(self):
        self.daemon.create_function("threaded", handler_path("threaded"), SnapStart=SNAP_START)
        answer = self.try_publish("threaded")
        self.assert_refused(answer, 400, "InvalidParameterValueException", "SnapStart", "threads")

    def test_a_thread_that_before_checkpoint_joins_is_fine(self):
        self.create("joined", "joined")
        self.publish("joined")
        self.assertEqual(1, self.call("joined")["calls"])

    def test_nothing_is_left_of_what_is_refused(self):
        before = set(self.zygotes())
        self.create("gone", "init-throws")
        self.try_publish("gone")
        wait_until(lambda: not set(self.zygotes()) - before, what="the sandbox of what is refused has gone")

    def test_a_version_that_nobody_has_called_goes_with_its_process(self):
        self.create("unused")
        before = set(self.zygotes())
        self.publish("unused")
        copied = set(self.zygotes()) - before
        self.assertEqual(1, len(copied))
        self.assertEqual(204, self.daemon.delete_function("unused?Qualifier=1").status)
        wait_until(lambda: not copied & set(self.zygotes()), what="it has gone with its version")


class Interrupted(unittest.TestCase):
    """hearthd, or its launcher, goes while a version's init runs."""

    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.daemon.create_function("slow", handler_path("snapper"), env={"WORK_MS": "3000"}, SnapStart=SNAP_START)

    def publish_and(self, interrupt):
        """What PublishVersion answers when `interrupt` runs in the middle of its init; None: nothing."""
        def publish():
            try:
                return self.daemon.control("POST", "/2015-03-31/functions/slow/versions", {})
            except (OSError, http.client.HTTPException):
                return None
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(publish)
            wait_until(lambda: "init knows of its copies" in self.daemon.logs("slow"), what="init runs")
            interrupt()
            return answer.result()

    def versions(self):
        return [each["Version"] for each in self.daemon.control("GET", "/2015-03-31/functions/slow/versions").json()["Versions"]]

    def test_the_launcher_dies(self):
        launcher = children(self.daemon.process.pid)[0]
        answer = self.publish_and(lambda: os.kill(launcher, signal.SIGKILL))
        self.assertEqual(503, answer.status, answer)
        self.assertEqual(["$LATEST"], self.versions())
        self.assertEqual((0, 0), tuple(self.daemon.bill_of("slow")))

    def test_hearthd_dies(self):
        self.assertIsNone(self.publish_and(self.daemon.kill9))
        self.daemon.start()
        self.assertEqual(["$LATEST"], self.versions())
        self.assertEqual((0, 0), tuple(self.daemon.bill_of("slow")))

    def test_hearthd_is_stopped(self):
        self.publish_and(self.daemon.stop)  # exits with 0
        self.daemon.start()
        self.assertIn(self.versions(), (["$LATEST"], ["$LATEST", "1"]))

    def test_the_process_is_killed(self):
        launcher = children(self.daemon.process.pid)[0]

        def kill():
            def running():
                return [child for init in children(launcher) for child in children(init)]
            wait_until(lambda: len(running()) == 1, what="its trial has gone")
            os.kill(running()[0], signal.SIGKILL)

        answer = self.publish_and(kill)
        self.assertEqual(400, answer.status, answer)
        self.assertIn("signal 9", answer.message)
        self.assertEqual(["$LATEST"], self.versions())

    @unittest.skipUnless(os.geteuid() == 0, "needs root: an ordinary user makes no sandbox without user namespaces")
    def test_a_host_that_lets_nothing_be_copied(self):
        daemon = Daemon(wrapper=[pathlib.Path(__file__).parent / "no_user_namespaces.py"])
        self.addCleanup(daemon.remove)
        daemon.start()
        daemon.create_function("slow", handler_path("snapper"), SnapStart=SNAP_START)
        answer = daemon.control("POST", "/2015-03-31/functions/slow/versions", {})
        self.assertEqual(400, answer.status, answer)
        self.assertIn("SnapStart", answer.message)
        self.assertIn("no namespaces of their own", answer.message)


class Failures(SnapStartTest):
    """What goes wrong after a version was published."""
    CONFIG = {"init_time_out_s": 2, "zygote_forks_max": 5}

    @classmethod
    def set_up_functions(cls):
        cls.knob = pathlib.Path(tempfile.mkdtemp(prefix="hearth-knob-"))
        cls.addClassCleanup(shutil.rmtree, cls.knob, ignore_errors=True)
        cls.knob.chmod(0o755)
        cls.daemon.put_bucket("knob", cls.knob)

    def setUp(self):
        self.turn("")

    def turn(self, mode):
        (self.knob / "mode").write_text(mode)

    def create(self, name, **settings):
        super().create(name, hearth={"Buckets": [{"Bucket": "knob"}]}, **settings)
        self.publish(name)

    def test_after_restore_throws(self):
        self.create("throws")
        self.turn("restore-throws")
        self.assert_function_error(self.daemon.invoke("throws:1", {}), "std::runtime_error", "no connection")
        self.turn("fine")
        self.assertEqual(1, self.call("throws")["calls"])
        self.assertEqual(1, self.count("throws", "init runs"))

    def test_after_restore_crashes_and_the_process_that_is_copied_is_replaced(self):
        self.create("crashes")
        before = self.call("crashes")["origin"]
        self.turn("restore-crashes")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            busy = pool.submit(self.call, "crashes", ms=1000)
            wait_until(lambda: self.daemon.workers("crashes", "busy") == 1, what="its worker is busy")
            self.assertEqual("Unhandled", self.daemon.invoke("crashes:1", {}).function_error)
            busy.result()
        self.turn("fine")
        wait_until(lambda: REPLACED in self.daemon.stderr(), what="the zygote replaced")
        wait_until(lambda: self.count("crashes", "init runs") == 2, what="its init")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            origins = {answer["origin"] for answer in pool.map(lambda _: self.call("crashes", ms=500), range(2))}
        self.assertEqual(2, len(origins | {before}), (before, origins))

    def test_after_restore_does_not_end(self):
        self.create("hangs")
        self.turn("restore-hangs")
        self.assert_function_error(self.daemon.invoke("hangs:1", {}), "Sandbox.Timedout", "Restore timed out after 2.00 seconds")

    def test_a_process_that_is_killed_is_made_again_and_not_billed_again(self):
        self.create("killed")
        first = self.call("killed")
        others = set(self.zygotes())
        self.create("witness")
        # Once that of its trial has gone.
        wait_until(lambda: len(set(self.zygotes()) - others) == 1, what="the process that is copied")
        (victim,) = set(self.zygotes()) - others
        before = self.call("witness")["origin"]
        billed = self.ledger_inits("witness")
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: "a zygote has ended" in self.daemon.stderr(), what="hearthd knows")
        self.assertEqual(before, self.call("witness")["origin"])  # its worker lives on
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda _: self.call("witness", ms=500), range(2)))
        self.assertEqual(2, len({answer["origin"] for answer in answers}), answers)
        self.assertEqual(2, self.count("witness", "init runs"))
        self.assertEqual(billed, self.ledger_inits("witness"))
        self.assertEqual(first["origin"], self.call("killed")["origin"])

    def ledger_inits(self, function):
        return metric_sum(self.daemon.metrics(), "hearth_init_duration_seconds_count", function=function)

    def test_an_init_that_fails_in_the_next_process_is_an_init_error(self):
        self.create("later")
        self.assertEqual(1, self.call("later")["calls"])
        self.turn("init-throws")
        self.daemon.restart()
        body = self.assert_function_error(self.daemon.invoke("later:1", {}), "Hearth.SnapshotError", "no table today")
        self.assertIn("run init", body["errorMessage"])
        self.turn("")
        self.assertEqual(1, self.call("later")["calls"])

    def test_after_so_many_copies_another_process_is_copied(self):
        self.create("tires")
        self.daemon.control("PUT", "/2015-03-31/functions/tires/concurrency", {"ReservedConcurrentExecutions": 50})
        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            list(pool.map(lambda _: self.call("tires", ms=500), range(5)))
        wait_until(lambda: self.count("tires", "init runs") == 2, what="another init, off the path")


class Money(SnapStartTest):
    def test_init_is_billed_once_and_each_restore_with_its_first_event(self):
        self.create("billed", work_ms=150)
        self.publish("billed")
        requests, init_ms = self.daemon.bill_of("billed")
        self.assertEqual(0, requests)
        log = self.daemon.logs("billed")
        shown = float(re.search(r"INIT_REPORT Init Duration: ([0-9.]+) ms\tPhase: snapshot$", log, re.M)[1])
        self.assertGreaterEqual(shown, 150)
        self.assertLessEqual(abs(init_ms - shown), 1.01)
        self.assertNotIn("REPORT RequestId", log)

        answer = self.daemon.invoke("billed:1", {})
        report = answer.report()
        self.assertTrue(report.restored, answer.log)
        self.assertNotIn("Init Duration", answer.log)
        self.assertTrue(report.billed_as_printed(), answer.log)
        self.assertLess(report.init_ms, 150)  # init is not in it
        self.assertEqual((1, init_ms + report.billed_ms), tuple(self.daemon.bill_of("billed")))
        self.assertIsNone(self.daemon.invoke("billed:1", {}).report().init_ms)

        before = self.daemon.bill_of("billed")
        self.daemon.restart()
        self.assertEqual(before, self.daemon.bill_of("billed"))
        again = self.daemon.invoke("billed:1", {}).report()
        self.assertTrue(again.restored)
        self.assertEqual((before.requests + 1, before.billed_ms + again.billed_ms), tuple(self.daemon.bill_of("billed")))
        self.assertEqual(2, self.count("billed", "init knows of its copies"))
        checked = self.daemon.hearth("ledger", "verify")
        self.assertEqual(0, checked.returncode, checked.stdout + checked.stderr)

    def test_metrics_tell_init_and_restore_apart(self):
        self.create("measured")
        self.publish("measured")
        self.call("measured")
        samples = self.daemon.metrics()
        for metric in ("hearth_init_duration_seconds_count", "hearth_restore_duration_seconds_count",
                       "hearth_invocations_total", "hearth_billed_requests_total"):
            self.assertEqual(1, metric_sum(samples, metric, function="measured"), metric)

    def test_a_json_log_has_it_too(self):
        self.create("json", LoggingConfig={"LogFormat": "JSON"})
        self.publish("json")
        self.call("json")
        log = self.daemon.control("GET", "/_hearth/v1/logs/json").body.decode()
        self.assertIn("INIT_REPORT", log)
        self.assertIn("restoreDurationMs", log)


@unittest.skipUnless(os.environ.get("HEARTH_LONG"), "takes 12 s; HEARTH_LONG=1 runs it")
class LongInit(SnapStartTest):
    CONFIG = {"init_time_out_s": 15}

    def test_an_init_may_take_longer_than_the_start_of_a_sandbox(self):
        self.create("long", work_ms=11_000)
        self.publish("long")
        self.assertEqual(1, self.call("long")["calls"])


@unittest.skipUnless(os.geteuid() == 0, "needs root, to become another user")
class OrdinaryUser(SnapStartTest):
    @classmethod
    def setUpClass(cls):
        tree = pathlib.Path(tempfile.mkdtemp(prefix="hearth-user-"))
        cls.addClassCleanup(shutil.rmtree, tree, ignore_errors=True)
        tree.chmod(0o755)
        for part in ("bin/hearthd", "libexec/hearth/hearth-launcher", "libexec/hearth/hearth-worker"):
            (tree / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(BUILD / part, tree / part)
        cls.daemon = Daemon(executable=tree / "bin/hearthd", uid=NOBODY)
        cls.addClassCleanup(cls.daemon.remove)
        cls.daemon.start()

    def test_copies_and_refusals(self):
        self.create("many")
        self.publish("many")
        answers = self.many_at_once("many")
        self.assertEqual((1, 3), (len({answer["origin"] for answer in answers}), len({answer["copy"] for answer in answers})))
        self.assertEqual([0, 1, 2, 3], answers[0]["open"])
        self.create("eats", "init-eats")
        self.assert_refused(self.try_publish("eats"), 400, "InvalidParameterValueException", "run init")


if __name__ == "__main__":
    unittest.main()
