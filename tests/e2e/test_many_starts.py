"""A crowd for a small function that has no worker: each client is answered, and its zygote has time to fork for as long as that takes.

The share of the processor that 16 MB have is enough for 25 forks in 20 ms, and the zygote has to make them all.
"""
import concurrent.futures
import glob
import threading
import unittest

from hearth_e2e import DaemonTest, handler_path, wait_until

CROWD, OWN_QUOTA_US, PERIOD_US = 60, 1_000, 20_000


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
        most, over = [0], threading.Event()

        def watch():
            while not over.is_set():
                most[0] = max(most[0], *self.quotas())
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            with concurrent.futures.ThreadPoolExecutor(CROWD) as pool:
                asked = [pool.submit(self.daemon.invoke, "small", {"do": "sleep", "ms": 500}) for _ in range(CROWD)]
                for answer in asked:
                    self.assertEqual((200, None), (answer.result().status, answer.result().function_error), answer.result())
        finally:
            over.set()
            watcher.join()
        self.assertEqual(PERIOD_US, most[0], "the zygote's share while many are forked")
        wait_until(lambda: self.daemon.workers("small", "starting") == 0, what="all of its workers")
        wait_until(lambda: set(self.quotas()) == {OWN_QUOTA_US}, what="the zygote's own share")


if __name__ == "__main__":
    unittest.main()
