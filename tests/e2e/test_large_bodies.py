"""Bodies too large for a packet, one after the other: each answer is its own, and what they took is given back.

From the second on that a worker gets while it is awake they go through memory that it shares with hearthd.
"""
import concurrent.futures
import os
import random
import unittest

from hearth_e2e import DaemonTest, handler_path, wait_until

INLINE, WINDOW = 64 << 10, 1 << 20
SEED = int(os.environ.get("HEARTH_SEED", random.randrange(1 << 32)))


class LargeBodies(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        for name in ("one", "other"):
            cls.daemon.create_function(name, handler_path("victim"), timeout=20, memory=512)

    def echo(self, function, size, number):
        """Size is that of the event, about; what the handler answers is a little longer."""
        word = f"{function}-{number}-" + chr(ord("a") + number % 26) * size + f"-{number}"
        answer = self.daemon.invoke(function, {"do": "echo", "word": word}, log_tail=False)
        self.assertEqual((200, None), (answer.status, answer.function_error), answer)
        self.assertTrue(answer.json()["word"] == word, f"an answer of {size} bytes is not that of its event (seed {SEED})")

    def windows(self):
        """How many hearthd has open: memory shared with a worker."""
        folder = f"/proc/{self.daemon.process.pid}/fd"
        found = 0
        for number in os.listdir(folder):
            try:
                found += "memfd:hearth-bodies" in os.readlink(f"{folder}/{number}")
            except FileNotFoundError:
                pass  # closed meanwhile
        return found

    def test_answers_are_those_of_their_events_at_all_sizes(self):
        edges = [edge + near for edge in (INLINE, WINDOW) for near in (-100, -60, -40, -20, -1, 0, 1)]
        for number, size in enumerate(edges + [100_000, 10, 200_000, 10, 3 << 20, 100_000, 10]):
            self.echo("one", size, number)

    def test_many_at_once_do_not_mix(self):
        chance = random.Random(SEED)
        jobs = [(chance.choice(("one", "other")), chance.choice((20, 40_000, 70_000, 300_000, 900_000, 1_100_000)), number)
                for number in range(160)]
        seen = 0
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for done in concurrent.futures.as_completed([pool.submit(self.echo, *job) for job in jobs]):
                done.result()
                seen = max(seen, self.windows())
        self.assertGreater(seen, 0, "no body went through shared memory")
        wait_until(lambda: self.windows() == 0, what="idle workers without shared memory")


if __name__ == "__main__":
    unittest.main()
