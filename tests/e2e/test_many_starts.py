"""A crowd for a small function that has no worker: each client is answered, and its zygote has time to fork for as long as that takes.

The share of the processor that 16 MB have is enough for 25 forks in 20 ms, and the zygote has to make them all.
"""
import concurrent.futures
import glob
import os
import signal
import unittest

import processes
from hearth_e2e import DaemonTest, handler_path, wait_until

CROWD, MANY, OWN_QUOTA_US, PERIOD_US = 60, 8, 1_000, 20_000


class ManyStarts(DaemonTest):
    CONFIG = {"memory_mib": 8192}

    def quotas(self):
        """Of all groups of this daemon, microseconds in 20 ms."""
        own = f"/sys/fs/cgroup/**/hearth-{self.daemon.process.pid}/**"
        found = []
        for path in glob.glob(f"{own}/cpu.cfs_quota_us", recursive=True) + glob.glob(f"{own}/cpu.max", recursive=True):
            try:
                with open(path, encoding="ascii") as file:
                    quota = file.read().split()[0]
            except OSError:
                continue  # gone meanwhile
            if quota.isdigit():
                found.append(int(quota))
        return found

    def test_each_of_a_crowd_is_answered_and_the_zygote_has_its_own_share_again(self):
        self.daemon.create_function("small", handler_path("victim"), timeout=30, memory=16)
        if not self.quotas():
            self.skipTest("no cpu controller that is hearthd's: nothing is limited here")
        self.assertEqual({OWN_QUOTA_US}, set(self.quotas()), "all groups are of functions of 16 MB")
        self.daemon.invoke("small", {"do": "echo"})  # its sandbox is there from here on
        sandboxes = [pid for pid in processes.descendants(self.daemon.process.pid)
                     if pid not in processes.children(self.daemon.process.pid)]
        self.assertTrue(sandboxes)
        with concurrent.futures.ThreadPoolExecutor(CROWD) as pool:
            try:
                for pid in sandboxes:  # so that no start ends before many are under way
                    os.kill(pid, signal.SIGSTOP)
                asked = [pool.submit(self.daemon.invoke, "small", {"do": "sleep", "ms": 500}) for _ in range(CROWD)]
                wait_until(lambda: self.daemon.workers("small", "starting") >= MANY, what="many starts under way")
                wait_until(lambda: max(self.quotas()) == PERIOD_US, what="more of the processor for the zygote")
            finally:
                for pid in sandboxes:
                    os.kill(pid, signal.SIGCONT)
            for answer in asked:
                self.assertEqual((200, None), (answer.result().status, answer.result().function_error), answer.result())
        wait_until(lambda: self.daemon.workers("small", "starting") == 0, what="all of its workers")
        wait_until(lambda: set(self.quotas()) == {OWN_QUOTA_US}, what="the zygote's own share")


if __name__ == "__main__":
    unittest.main()
