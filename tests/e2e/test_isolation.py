"""What workers of one function share, by its isolation, and when their zygote is replaced."""
import concurrent.futures
import pathlib
import unittest

from hearth_e2e import DaemonTest, handler_path, wait_until

REPLACED = "a zygote has been replaced"


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


class Isolation(DaemonTest):
    CONFIG = {"zygote_forks_max": 5}

    def locate(self, function, **order):
        return self.daemon.invoke(function, order).json()

    def two_at_once(self, function):
        with concurrent.futures.ThreadPoolExecutor(2) as both:
            return list(both.map(lambda _: self.locate(function, ms=300), range(2)))

    def replacements(self, function):
        return sum(REPLACED in line and function in line for line in self.daemon.stderr(1_000_000).splitlines())

    def create(self, name, isolation):
        self.daemon.create_function(name, handler_path("locator"), timeout=10, hearth={"Isolation": isolation})

    def test_instance_shares_the_layout_and_the_process(self):
        self.create("instance", "instance")
        one, other = self.two_at_once("instance")
        self.assertEqual((one["layout"], one["network"]), (other["layout"], other["network"]))
        self.assertGreater(self.locate("instance")["calls"], 1)

    def test_invocation_shares_the_layout_alone(self):
        self.create("invocation", "invocation")
        self.assertEqual([1, 1], [self.locate("invocation")["calls"] for _ in range(2)])

    def test_strict_shares_nothing(self):
        self.create("strict", "strict")
        one, other = self.two_at_once("strict")
        self.assertNotEqual(one["layout"], other["layout"])
        self.assertNotEqual(one["network"], other["network"])
        # Workers are used again, each in a sandbox that goes with it.
        self.assertGreater(max(self.locate("strict")["calls"] for _ in range(2)), 1)
        launcher = int(children(self.daemon.process.pid)[0])
        before = len(children(launcher))
        self.assertEqual("Unhandled", self.daemon.invoke("strict", {"crash": True}).function_error)
        wait_until(lambda: len(children(launcher)) == before - 1, what="the sandbox of the one that crashed has gone")
        self.assertIn("layout", self.locate("strict"))
        configuration = self.daemon.get_function("strict").json()["Configuration"]
        self.assertEqual("strict", configuration["Hearth"]["Isolation"])

    def test_an_isolation_that_is_none_is_refused(self):
        answer = self.daemon.try_create_function("none", handler_path("locator"), hearth={"Isolation": "none"})
        self.assert_refused(answer, 400, "InvalidParameterValueException", '"none"', '"strict"')

    def test_a_crash_by_signal_replaces_the_zygote(self):
        """A layout that was guessed wrong, and crashed, is not there to be guessed again."""
        self.create("crashes", "instance")
        before = self.locate("crashes")["layout"]
        self.assertEqual("Unhandled", self.daemon.invoke("crashes", {"crash": True}).function_error)
        wait_until(lambda: self.replacements("crashes") == 1, what="the zygote replaced")
        after = self.locate("crashes")
        self.assertEqual(1, after["calls"])
        self.assertNotEqual(before, after["layout"])

    def test_a_zygote_forks_so_often_and_no_more(self):
        self.create("forks", "invocation")
        layouts = [self.locate("forks")["layout"] for _ in range(4)]
        self.assertEqual(1, len(set(layouts)), layouts)
        self.assertEqual(0, self.replacements("forks"))
        self.locate("forks")  # the fifth
        wait_until(lambda: self.replacements("forks") == 1, what="the zygote replaced")
        self.assertNotEqual(layouts[0], self.locate("forks")["layout"])


if __name__ == "__main__":
    unittest.main()
