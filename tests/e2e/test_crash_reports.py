"""How a worker ended is told as it was: the signal, the address, where in the author's code; memory, an exit code or a forbidden system
call are told apart from it. In the answer and in the function's log."""
import json
import unittest

from hearth_e2e import DaemonTest, handler_path, wait_until


class CrashReports(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("crasher", handler_path("crasher"))

    def log_of(self, request_id):
        kept = self.daemon.control("GET", "/_hearth/v1/logs/crasher").body.decode(errors="replace").splitlines()
        return [json.loads(line) for line in kept if json.loads(line).get("request_id") == request_id]

    def crash(self, deed):
        answer = self.daemon.invoke("crasher", {"do": deed})
        self.assert_function_error(answer, "Runtime.ExitError", "Error: ")
        error = answer.json()
        self.assertEqual("still here", self.daemon.invoke("crasher", {}).json())
        return error["errorMessage"].split(" Error: ", 1)[1], error["stackTrace"]

    def assert_crash(self, deed, text, *functions):
        """The message, and functions of the backtrace in the order in which they called, the last one first."""
        message, trace = self.crash(deed)
        # Readable names have 50 ms: a machine that is busy may leave those of the linker, once.
        for _ in range(4):
            if all(any(function in line for line in trace) for function in functions):
                break
            message, trace = self.crash(deed)
        self.assertRegex(message, text)
        at = 0
        for function in functions:
            found = [number for number, line in enumerate(trace) if function in line and number >= at]
            self.assertTrue(found, (function, trace))
            at = found[0]
            self.assertRegex(trace[at], r"^#\d+ 0x[0-9a-f]+ .*\+0x[0-9a-f]+ \(libcrasher\.so\+0x[0-9a-f]+, build id [0-9a-f]{8,}\)$")
        return trace

    def test_faults(self):
        for deed, text, functions in (
                ("null", r"signal: segmentation fault at address 0x0$", ("crasher::WriteTo(long)", "crasher::WriteToNull()")),
                ("read-only", r"signal: segmentation fault at address 0x[0-9a-f]{6,}$", ("crasher::WriteTo", "crasher::WriteToConstant")),
                ("call nothing", r"signal: segmentation fault at address 0x0$", ("crasher::CallNothing()",)),
                ("divide", r"signal: floating point exception at address 0x[0-9a-f]{6,}$", ("crasher::Divide()",)),
                ("trap", r"signal: illegal instruction at address 0x[0-9a-f]{6,}$", ("crasher::Undefined()",)),
                ("bus", r"signal: bus error at address 0x[0-9a-f]{6,}$", ("crasher::ReadBeyondFile()",)),
                ("overflow", r"signal: segmentation fault at address 0x[0-9a-f]{6,}$", ("crasher::Recurse(", "crasher::Recurse(")),
                ("terminate", r"signal: aborted$", ("crasher::ThrowWhereNoneMay()",)),
                ("thread", r"signal: segmentation fault at address 0x0$", ("crasher::WriteToNull()", "crasher::FaultInThread(void*)"))):
            with self.subTest(deed):
                self.assert_crash(deed, text, *functions)

    def test_a_signal_that_it_sends_itself(self):
        self.assert_crash("raise", r"signal: segmentation fault$")
        self.assert_crash("abort", r"signal: aborted$")

    def test_a_heap_whose_lock_is_held_hangs_nothing(self):
        """Names in readable form need that lock: those of the linker were told before."""
        trace = self.assert_crash("heap", r"signal: aborted$")
        self.assertTrue(any("AbortWithLocksHeld" in line for line in trace), trace)

    def test_exit_codes_are_no_crash(self):
        message, trace = self.crash("exit")
        self.assertEqual(("Runtime exited with error: exit status 3", []), (message, trace))

    def test_forbidden_system_calls_are_named(self):
        for deed, call in (("mount", "mount"), ("mount in a thread", "umount2")):
            with self.subTest(deed):
                message, _ = self.crash(deed)
                self.assertEqual(f"Runtime exited with error: signal: bad system call: {call}, which no function may make", message)
        self.assertIn("bad system call: one of another architecture, or one that only confines", self.crash("move_mount")[0])

    def test_memory_is_told_apart(self):
        self.daemon.create_function("glutton", handler_path("intruder"), memory=128, timeout=20)
        answer = self.daemon.invoke("glutton", {"do": "memory"})
        self.assert_function_error(answer, "Runtime.OutOfMemory", "more than its memory limit of 128 MB")

    def test_the_log_has_it_too(self):
        answer = self.daemon.invoke("crasher", {"do": "null"})
        lines = []

        def logged():
            lines[:] = self.log_of(answer.headers["x-amzn-RequestId"])
            return any("crash: #1" in line["message"] for line in lines)
        wait_until(logged, what="the backtrace in the log")
        self.assertTrue(any("crash: #0" in line["message"] and "crasher::WriteTo" in line["message"] for line in lines), lines)
        self.assertTrue(all(line["source"] == "stderr" for line in lines if "crash: " in line["message"]), lines)

    def test_a_report_about_an_end_that_does_not_come_is_not_passed_on(self):
        answer = self.daemon.invoke("crasher", {"do": "forge"})
        self.assertEqual("still here", answer.json())
        message, trace = self.crash("forge and exit")
        self.assertEqual(("Runtime exited with error: exit status 7", []), (message, trace))
        self.assertNotIn("forged", self.daemon.logs("crasher"))


if __name__ == "__main__":
    unittest.main()
