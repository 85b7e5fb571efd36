"""Functions with `Network: "egress"`: what they reach and what they never do, as root, between network namespaces of the test's
own (networks.py). Each "unreachable" is tried again with the rules off, where the same probe arrives."""
import contextlib
import errno
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

from hearth_e2e import Daemon, DaemonTest, built, handler_path, metric_sum, wait_until
from networks import (HOST_ADDRESS, METADATA_ADDRESS, OUTSIDE_ADDRESS, PRIVATE_ADDRESS, Namespace, Networks, address_answer,
                      why_not)

TOKEN = "a token of 27 bytes at least"
REFUSED = "EHOSTUNREACH"
FILTERS = ("arriving", "to_host", "through")
RESOLVED = "198.51.100.7"


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class OpenDaemon(Daemon):
    """Listens on every address of its host, so that nothing but the rules keeps functions from its doors."""

    def __init__(self, *arguments):
        super().__init__(arguments=("--data-listen", "0.0.0.0:0", "--control-listen", "0.0.0.0:0", "--egress-resolvers",
                                    OUTSIDE_ADDRESS, *arguments))
        self.held = []
        (self.folder / "token").write_text(TOKEN)
        self.arguments += ["--auth-token-file", self.folder / "token"]

    def control(self, method, path, document=None, headers=None):
        return super().control(method, path, document, {"Authorization": f"Bearer {TOKEN}", **(headers or {})})

    def create(self, name, **hearth):
        self.create_function(name, handler_path("caller_out"), timeout=20, hearth={"Network": "egress", **hearth})

    def try_create(self, name, **hearth):
        return self.try_create_function(name, handler_path("caller_out"), timeout=20, hearth={"Network": "egress", **hearth})

    def ask(self, function, what, **order):
        return self.invoke(function, {"do": what, **order}).json()

    def tcp(self, function, host, port, **order):
        return self.ask(function, "tcp", host=host, port=port, **order)

    def namespaces(self, count):
        """Those of its sandboxes with a network, by the address inside, once there are so many: that of a deploy's trial ends after
        the deploy. Held until let_go(): so long they do not end with their processes."""
        found = {}

        def look():
            self.let_go()
            found.update(self.look_into_sandboxes())
            return len(found) == count or found.clear()
        wait_until(look, what=f"{count} sandboxes with a network")
        return found

    def launcher(self):
        launcher, = children(self.process.pid)
        return launcher

    def look_into_sandboxes(self):
        found = {}
        for pid in children(self.launcher()):
            with contextlib.suppress(FileNotFoundError):  # it has ended meanwhile
                self.held.append(Namespace(f"/proc/{pid}/ns/net"))
                address = re.search(r"inet (10\.213\.\S+)/30", self.held[-1].run("ip -4 address show"))
                if address:
                    found[address[1]] = self.held[-1]
        return found

    def places(self):
        """In use, and all, by the metric."""
        return tuple(int(metric_sum(self.metrics(), "hearth_egress_places", state=state)) for state in ("in_use", "all"))

    def let_go(self):
        while self.held:
            self.held.pop().close()


class EgressTest(DaemonTest):
    """A daemon a test. After each: table, interfaces and settings of the host are as they were."""

    @classmethod
    def setUpClass(cls):
        reason = why_not()
        if reason:
            raise unittest.SkipTest(reason)
        cls.networks = Networks()
        cls.addClassCleanup(cls.networks.leave)

    def start(self, *arguments):
        daemon = OpenDaemon(*arguments)
        self.addCleanup(daemon.remove)
        self.daemon = daemon.start()
        return daemon

    @property
    def host(self):
        return self.networks.host

    def table(self):
        return self.host.run("nft list table inet hearth", check=False)

    def links(self):
        return re.findall(r"(hearth\d+)@", self.host.run("ip -o link"))

    def assert_as_it_was(self):
        wait_until(lambda: not self.links(), what="the interfaces gone")
        self.assertEqual("", self.host.run("nft list ruleset"))
        self.assertEqual("0", self.host.setting("ipv4/ip_forward"))
        self.assertEqual([], [path.name for path in pathlib.Path("/run").glob("hearth-egress.*")
                              if path.name.endswith(self.host.call(self.inode))])

    @staticmethod
    def inode():
        return "." + str(pathlib.Path("/proc/thread-self/ns/net").stat().st_ino)

    def tearDown(self):
        if isinstance(self.daemon, OpenDaemon):
            self.daemon.let_go()
        if self.daemon.running():
            self.daemon.stop()
        self.assert_as_it_was()


class Reach(EgressTest):
    def test_the_outside_is_reached_by_the_hosts_address(self):
        daemon = self.start()
        port = self.networks.outside.listen(OUTSIDE_ADDRESS, words=b"")
        daemon.create("out")
        self.assertEqual(f"ok {HOST_ADDRESS}", daemon.tcp("out", OUTSIDE_ADDRESS, port))
        # One that answers nothing is told from one that cannot be reached.
        self.assertEqual("ECONNREFUSED", daemon.tcp("out", OUTSIDE_ADDRESS, 9))
        self.assertEqual({"Network": "egress"}, daemon.get_function("out").json()["Configuration"]["Hearth"])
        described = daemon.hearth("describe", "out", env={"HEARTH_TOKEN": TOKEN}).stdout
        self.assertRegex(described, r"(?m)^network +egress$")

    def test_nothing_of_the_host_and_nothing_private_is_reached(self):
        daemon = self.start()
        everywhere = self.host.listen("0.0.0.0")
        loopback = self.host.listen("127.0.0.1")
        metadata = self.networks.outside.listen(METADATA_ADDRESS, 80)
        private = self.networks.outside.listen(PRIVATE_ADDRESS, 80)
        for name in ("out", "other"):
            daemon.create(name)
            daemon.ask(name, "meddle")
        inside = daemon.namespaces(2)
        by_number = sorted(inside, key=lambda address: [int(part) for part in address.split(".")])
        of_out, of_other = by_number
        gateway = of_out.rsplit(".", 1)[0] + "." + str(int(of_out.rsplit(".", 1)[1]) - 1)
        neighbour = inside[of_other].listen(of_other)
        probes = {"control port": (HOST_ADDRESS, daemon.control_port), "data port": (HOST_ADDRESS, daemon.data_port),
                  "the host's address": (HOST_ADDRESS, everywhere), "the host's end of its cable": (gateway, everywhere),
                  "metadata": (METADATA_ADDRESS, metadata), "private range": (PRIVATE_ADDRESS, private),
                  "another function": (of_other, neighbour)}
        tried = lambda: {name: daemon.tcp("out", *to, hear=False) for name, to in probes.items()}
        self.assertEqual(dict.fromkeys(probes, REFUSED), tried())
        # Loopback is its own, and nobody is there; the host's is there for the host.
        self.assertEqual("ECONNREFUSED", daemon.tcp("out", "127.0.0.1", loopback))
        self.assertEqual("ok", self.host.connect("127.0.0.1", loopback))
        self.assertEqual("ECONNREFUSED", daemon.tcp("out", "127.0.0.1", daemon.control_port))
        # Nobody outside comes in, by the address inside.
        self.networks.outside.run(f"ip route add 10.213.0.0/20 via {HOST_ADDRESS}")
        self.addCleanup(self.networks.outside.run, "ip route del 10.213.0.0/20")
        self.assertEqual("ETIMEDOUT", self.networks.outside.connect(of_other, neighbour))
        # Each of them is there, and the rules are all that keeps it away.
        for chain in FILTERS:
            self.host.run(f"nft flush chain inet hearth {chain}")
        self.assertEqual(dict.fromkeys(probes, "ok"), tried())
        self.assertEqual("ok", self.networks.outside.connect(of_other, neighbour))

    def test_the_host_is_refused_twice(self):
        """Whoever translates addresses before us does not open it."""
        daemon = self.start()
        port = self.host.listen("0.0.0.0")
        daemon.create("out")
        for first, second in (("arriving", "to_host"), ("to_host", "arriving")):
            daemon.ask("out", "meddle")
            self.host.run(f"nft flush chain inet hearth {first}")
            self.assertEqual(REFUSED, daemon.tcp("out", HOST_ADDRESS, port))
            self.host.run(f"nft flush chain inet hearth {second}")
            self.assertEqual("ok hello", daemon.tcp("out", HOST_ADDRESS, port))
            daemon.restart()

    def test_a_forged_source_address_leads_nowhere(self):
        daemon = self.start()
        arrived = []
        self.networks.outside.answer_datagrams(self.addCleanup, OUTSIDE_ADDRESS, 53, lambda question: arrived.append(question) or b"heard")
        for name in ("out", "other"):
            daemon.create(name)
            daemon.ask(name, "meddle")
        (of_out, space), (of_other, _) = sorted(daemon.namespaces(2).items())
        # As root of the sandbox's namespace, which no function is.
        space.run(f"ip address add {of_other}/32 dev eth0")

        def send(source, words):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.bind((source, 0))
                sender.sendto(words, (OUTSIDE_ADDRESS, 53))
        for words in (b"forged and refused", b"forged and let through"):
            space.call(send, of_other, words)
            space.call(send, of_out, b"honest")  # comes after it
            wait_until(lambda: arrived.count(b"honest") == (1 if b"refused" in words else 2), what="the honest one")
            self.host.run("nft flush chain inet hearth arriving")
        self.assertEqual([b"honest", b"forged and let through", b"honest"], arrived)

    def test_what_the_operator_opens_is_reached_and_never_the_metadata(self):
        daemon = self.start("--egress-open", "192.168.77.0/24,169.254.0.0/16", "--egress-resolvers", METADATA_ADDRESS)
        self.networks.outside.answer_datagrams(self.addCleanup, METADATA_ADDRESS, 53, lambda _: b"who?")  # some clouds resolve there
        private = self.networks.outside.listen(PRIVATE_ADDRESS)
        metadata = self.networks.outside.listen(METADATA_ADDRESS)
        daemon.create("out")
        self.assertEqual("ok hello", daemon.tcp("out", PRIVATE_ADDRESS, private))
        self.assertEqual(REFUSED, daemon.tcp("out", METADATA_ADDRESS, metadata))
        self.assertEqual("ok who?", daemon.ask("out", "udp", host=METADATA_ADDRESS, port=53))

    def test_ports_are_limited_by_the_worker_and_by_the_host(self):
        daemon = self.start()
        outside = self.networks.outside
        some, other = outside.listen(OUTSIDE_ADDRESS), outside.listen(OUTSIDE_ADDRESS)
        daemon.create("limited", NetworkPorts=[some])
        self.assertEqual("ok hello", daemon.tcp("limited", OUTSIDE_ADDRESS, some))
        self.assertEqual("EACCES", daemon.tcp("limited", OUTSIDE_ADDRESS, other))
        # Landlock is the worker's; the host's rules hold without it.
        space, = daemon.namespaces(1).values()
        self.assertEqual("ok", space.connect(OUTSIDE_ADDRESS, some))
        self.assertEqual(REFUSED, space.connect(OUTSIDE_ADDRESS, other))
        # And the other way round.
        self.host.run("nft flush chain inet hearth through")
        self.assertEqual("ok", space.connect(OUTSIDE_ADDRESS, other))
        self.assertEqual("EACCES", daemon.tcp("limited", OUTSIDE_ADDRESS, other))
        # A change of ports is one of the version, and its sandboxes'.
        hearth = {"Network": "egress", "NetworkPorts": [other]}
        self.assertEqual(200, daemon.update_configuration("limited", Hearth=hearth).status)
        daemon.wait_active("limited")
        self.assertEqual("EACCES", daemon.tcp("limited", OUTSIDE_ADDRESS, some))
        self.assertEqual("ok hello", daemon.tcp("limited", OUTSIDE_ADDRESS, other))
        self.assertEqual(200, daemon.update_configuration("limited", Hearth={"Network": "none"}).status)
        daemon.wait_active("limited")
        self.assertEqual("socket EACCES", daemon.tcp("limited", OUTSIDE_ADDRESS, other))

    def test_copies_of_a_snapshot_have_the_way_out_and_its_limits(self):
        daemon = self.start()
        some, other = (self.networks.outside.listen(OUTSIDE_ADDRESS) for _ in range(2))
        daemon.create_function("copied", handler_path("caller_out"), timeout=20, hearth={"Network": "egress", "NetworkPorts": [some]},
                               SnapStart={"ApplyOn": "PublishedVersions"})
        self.assertEqual(201, daemon.control("POST", "/2015-03-31/functions/copied/versions", {}).status)
        self.assertEqual("ok hello", daemon.tcp("copied:1", OUTSIDE_ADDRESS, some))
        self.assertEqual("EACCES", daemon.tcp("copied:1", OUTSIDE_ADDRESS, other))
        self.assertEqual("EACCES", daemon.ask("copied:1", "meddle")["bind"])

    def test_names_are_resolved_and_no_other_datagram_leaves(self):
        daemon = self.start()
        outside = self.networks.outside
        for port in (53, 123):
            outside.answer_datagrams(self.addCleanup, OUTSIDE_ADDRESS, port, lambda question: address_answer(question, RESOLVED)
                                     if len(question) > 16 else b"who?")
        outside.answer_datagrams(self.addCleanup, PRIVATE_ADDRESS, 53, lambda _: b"who?")
        daemon.create("out", NetworkPorts=[443])
        self.assertEqual(RESOLVED, daemon.ask("out", "resolve", name="db.example"))
        self.assertEqual("127.0.0.1", daemon.ask("out", "resolve", name="localhost"))
        self.assertEqual(f"options timeout:2 attempts:2\nnameserver {OUTSIDE_ADDRESS}\n", daemon.ask("out", "read", path="/etc/resolv.conf"))
        if pathlib.Path("/etc/ssl/certs").exists():
            self.assertEqual("EISDIR", daemon.ask("out", "read", path="/etc/ssl/certs"))
        self.assertEqual("ok who?", daemon.ask("out", "udp", host=OUTSIDE_ADDRESS, port=53))
        self.assertEqual(REFUSED, daemon.ask("out", "udp", host=OUTSIDE_ADDRESS, port=123))
        self.assertEqual(REFUSED, daemon.ask("out", "udp", host=PRIVATE_ADDRESS, port=53))
        daemon.create("each_port")
        self.assertEqual(REFUSED, daemon.ask("each_port", "udp", host=OUTSIDE_ADDRESS, port=123))
        self.host.run("nft flush chain inet hearth through")
        self.assertEqual("ok who?", daemon.ask("out", "udp", host=OUTSIDE_ADDRESS, port=123))

    def test_new_connections_of_a_sandbox_are_limited(self):
        """So that one that connects without end does not fill the host's memory of connections."""
        daemon = self.start()
        daemon.create("out")
        daemon.ask("out", "meddle")
        space, = daemon.namespaces(1).values()

        def connections_before_one_is_refused(at_once=500):
            """Nobody waits for them: they are made faster than new ones are allowed."""
            for before in range(0, 100_000, at_once):
                callers = [socket.socket() for _ in range(at_once)]
                for caller in callers:
                    caller.setblocking(False)
                    caller.connect_ex((OUTSIDE_ADDRESS, 9))
                found = {caller.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) for caller in callers}
                for caller in callers:
                    caller.close()
                if errno.EHOSTUNREACH in found:
                    return before
            return None
        before = space.call(connections_before_one_is_refused)
        self.assertIsNotNone(before, "they were never limited")
        self.assertGreaterEqual(before, 1_500, "2,000 at once are let through")

    def test_ipv6_leads_nowhere_whoever_turns_it_on(self):
        daemon = self.start()
        daemon.create("out")
        daemon.ask("out", "meddle")
        space, = daemon.namespaces(1).values()
        cable, = self.links()
        ends = ((space, "eth0", "fd00:1::2"), (self.host, cable, "fd00:1::1"), (self.host, "up0", "fd00:2::1"),
                (self.networks.outside, "out0", "fd00:2::2"))
        for where, name, own in ends:
            where.setting(f"ipv6/conf/{name}/disable_ipv6", "0")
            where.run(f"ip address add {own}/64 dev {name} nodad")
        self.addCleanup(self.networks.outside.run, "ip address del fd00:2::2/64 dev out0")
        self.addCleanup(self.host.run, "ip address del fd00:2::1/64 dev up0")
        # Who asks for the other's hardware address is refused too.
        hardware = lambda where, name: re.search(r"link/ether (\S+)", where.run(f"ip link show {name}"))[1]
        space.run(f"ip -6 neighbour add fd00:1::1 lladdr {hardware(self.host, cable)} dev eth0")
        self.host.run(f"ip -6 neighbour add fd00:1::2 lladdr {hardware(space, 'eth0')} dev {cable}")
        space.run("ip -6 route add default via fd00:1::1")
        self.networks.outside.run("ip -6 route add fd00:1::/64 via fd00:2::1")
        self.host.setting("ipv6/conf/all/forwarding", "1")
        self.addCleanup(self.host.setting, "ipv6/conf/all/forwarding", "0")
        port = self.networks.outside.listen("fd00:2::2")
        wait_until(lambda: self.host.connect("fd00:2::2", port) == "ok", what="it is there")
        self.assertEqual("ETIMEDOUT", space.connect("fd00:2::2", port))
        self.host.run("nft flush chain inet hearth arriving")
        self.assertEqual("ok", space.connect("fd00:2::2", port))

    def test_no_way_round_leads_to_other_sandboxes(self):
        """Not by an address that is none of the pool's, nor out by one that is, though the operator opens all of it."""
        daemon = self.start("--egress-open", "10.0.0.0/8")
        for name in ("out", "other"):
            daemon.create(name)
            daemon.ask(name, "meddle")
        (_, space), (of_other, other) = sorted(daemon.namespaces(2).items())
        other.run("ip address add 198.51.100.9/32 dev lo")
        self.host.run(f"ip route add 198.51.100.9/32 via {of_other}")  # as somebody's routing may have it
        neighbour = other.listen("198.51.100.9")
        unused = "10.213.15.250"
        self.networks.outside.run(f"ip address add {unused}/32 dev lo")
        self.addCleanup(self.networks.outside.run, f"ip address del {unused}/32 dev lo")
        outside = self.networks.outside.listen(unused)
        probes = lambda: [space.connect("198.51.100.9", neighbour), space.connect(unused, outside)]
        self.assertEqual([REFUSED] * 2, probes())
        self.host.run("nft flush chain inet hearth through")
        self.assertEqual(["ok"] * 2, probes())

    def test_a_function_has_no_hand_on_its_network(self):
        daemon = self.start()
        daemon.create("out")
        found = daemon.ask("out", "meddle")
        self.assertEqual({"tcp": "ok", "udp6": "ok", "nodelay": "ok"}, {k: v for k, v in found.items() if v == "ok"}, found)
        self.assertEqual({"bind": "EACCES", "listen": "EACCES"}, {k: v for k, v in found.items() if v == "EACCES"}, found)
        self.assertEqual({"ok", "EACCES", "ENOSYS"}, set(found.values()), found)
        self.assertEqual(17, len(found))
        space, = daemon.namespaces(1).values()
        self.assertNotIn("inet6", space.run("ip address"))


class Life(EgressTest):
    def test_a_start_after_kill_9_takes_away_what_was_left(self):
        daemon = self.start()
        port = self.networks.outside.listen(OUTSIDE_ADDRESS)
        daemon.create("out")
        self.assertEqual("ok hello", daemon.tcp("out", OUTSIDE_ADDRESS, port))
        self.assertEqual("1", self.host.setting("ipv4/ip_forward"))
        self.assertIn("chain through", self.table())
        daemon.namespaces(1)  # held: its cable does not go by itself
        os.kill(daemon.launcher(), signal.SIGSTOP)  # or it may clear up before it is killed with its parent
        daemon.kill9()
        self.assertIn("chain through", self.table())
        self.assertEqual("1", self.host.setting("ipv4/ip_forward"))
        daemon.start()
        wait_until(lambda: not self.table(), what="the table gone")
        self.assert_as_it_was()
        self.assertEqual("ok hello", daemon.tcp("out", OUTSIDE_ADDRESS, port))
        # The launcher alone is as much.
        launcher = daemon.launcher()
        os.kill(launcher, signal.SIGKILL)
        wait_until(lambda: children(daemon.process.pid) not in ([], [launcher]), what="another launcher")
        wait_until(lambda: daemon.invoke("out", {"do": "tcp", "host": OUTSIDE_ADDRESS, "port": port}).json() == "ok hello",
                   what="the function reaches the outside again")

    def test_killed_while_it_clears_up_it_leaves_no_host_that_forwards_without_rules(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-e2e-nft-"))
        self.addCleanup(shutil.rmtree, folder)
        nft, held = folder / "nft", folder / "held"  # so that its death comes between two steps
        nft.write_text(f'#!/bin/sh\n/usr/sbin/nft "$@"\nstatus=$?\n[ ! -p {held} ] || read word < {held}\nexit $status\n')
        nft.chmod(0o755)
        daemon = self.start("--nft", nft)
        daemon.create("out")
        daemon.ask("out", "meddle")
        launcher = daemon.launcher()
        os.mkfifo(held)
        daemon.process.terminate()
        wait_until(lambda: not self.table(), what="the table gone")
        os.kill(launcher, signal.SIGKILL)
        daemon.process.wait()
        self.assertEqual("0", self.host.setting("ipv4/ip_forward"))
        with contextlib.suppress(OSError):  # if nft has ended with the launcher
            os.close(os.open(held, os.O_WRONLY | os.O_NONBLOCK))
        held.unlink()
        daemon.start()

    def test_rules_that_somebody_flushed_are_made_again(self):
        daemon = self.start()
        everywhere = self.host.listen("0.0.0.0")
        outside = self.networks.outside.listen(OUTSIDE_ADDRESS)
        daemon.create("out")
        self.assertEqual("ok hello", daemon.tcp("out", OUTSIDE_ADDRESS, outside))
        self.host.run("nft flush ruleset")
        wait_until(lambda: "chain through" in self.table(), what="the table back")
        self.assertEqual(REFUSED, daemon.tcp("out", HOST_ADDRESS, everywhere))
        self.assertEqual("ok hello", daemon.tcp("out", OUTSIDE_ADDRESS, outside))

    def test_who_cannot_be_held_any_more_is_ended(self):
        """Rules that are flushed, and no nft to make them again."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-e2e-nft-"))
        self.addCleanup(shutil.rmtree, folder)
        nft = shutil.copy("/usr/sbin/nft", folder)
        daemon = self.start("--nft", nft)
        daemon.create("out")
        daemon.ask("out", "meddle")
        daemon.namespaces(1)
        daemon.let_go()
        pathlib.Path(nft).rename(folder / "away")
        self.host.run("nft flush ruleset")
        wait_until(lambda: not self.links(), what="its sandbox gone")
        self.assertEqual({}, daemon.look_into_sandboxes())
        answer = daemon.invoke("out", {"do": "meddle"})
        self.assertEqual(503, answer.status, answer)
        self.assertIn("nft is not there", answer.message)
        (folder / "away").rename(nft)
        self.assertEqual("ok", daemon.ask("out", "meddle")["tcp"])

    def test_rules_of_others_and_forwarding_that_was_on_stay(self):
        self.host.run("nft add table inet others")
        self.addCleanup(self.host.run, "nft delete table inet others", False)
        self.host.setting("ipv4/ip_forward", "1")
        self.addCleanup(self.host.setting, "ipv4/ip_forward", "0")
        daemon = self.start()
        daemon.create("out")
        self.assertNotIn("chain others", self.table())  # who forwards already is not kept from it
        daemon.stop()
        self.assertEqual("table inet others {\n}\n", self.host.run("nft list ruleset"))
        self.assertEqual("1", self.host.setting("ipv4/ip_forward"))
        self.host.run("nft delete table inet others")
        self.host.setting("ipv4/ip_forward", "0")

    def test_a_host_that_forwarded_nothing_goes_on_so(self):
        daemon = self.start()
        daemon.create("out")
        self.assertIn("chain others", self.table())
        side = Namespace()
        self.host.run(f"ip link add side0 type veth peer name eth0 netns {side.path()}")
        self.addCleanup(self.host.run, "ip link del side0")
        self.host.run("ip address add 203.0.114.1/24 dev side0")
        self.host.run("ip link set side0 up")
        side.run("ip address add 203.0.114.2/24 dev eth0")
        side.run("ip link set eth0 up")
        side.run("ip route add default via 203.0.114.1")
        self.networks.outside.run(f"ip route add 203.0.114.0/24 via {HOST_ADDRESS}")
        self.addCleanup(self.networks.outside.run, "ip route del 203.0.114.0/24")
        port = self.networks.outside.listen(OUTSIDE_ADDRESS)
        self.assertEqual("ETIMEDOUT", side.connect(OUTSIDE_ADDRESS, port))
        self.host.run("nft flush chain inet hearth others")
        self.assertEqual("ok", side.connect(OUTSIDE_ADDRESS, port))

    def test_places_are_taken_given_back_and_limited(self):
        daemon = self.start("--egress-pool", "10.213.5.0/29")  # two
        port = self.networks.outside.listen(OUTSIDE_ADDRESS)
        for name in ("one", "two"):
            daemon.create(name, NetworkPorts=[port])
            self.assertEqual("ok hello", daemon.tcp(name, OUTSIDE_ADDRESS, port))
        self.assertEqual({"10.213.5.2", "10.213.5.6"}, set(daemon.namespaces(2)))
        self.assertEqual((2, 2), daemon.places())
        daemon.let_go()
        self.assert_refused(daemon.try_create("three"), 503, "ServiceUnavailableException", "10.213.5.0/29", "--egress-pool")
        # Functions without a network are no matter of it.
        daemon.create_function("without", handler_path("caller_out"), timeout=20)
        self.assertEqual("socket EACCES", daemon.tcp("without", OUTSIDE_ADDRESS, port))
        self.assertEqual(204, daemon.delete_function("one").status)
        other = self.networks.outside.listen(OUTSIDE_ADDRESS)
        wait_until(lambda: daemon.try_create("three", NetworkPorts=[other]).status == 201, what="the place of another")
        daemon.wait_active("three")
        self.assertEqual("ok hello", daemon.tcp("three", OUTSIDE_ADDRESS, other))
        # And nothing of what that could reach.
        found = [space.connect(OUTSIDE_ADDRESS, port) for space in daemon.namespaces(2).values()]
        self.assertEqual(["EHOSTUNREACH", "ok"], sorted(found))

    def test_a_place_that_is_being_left_is_waited_for(self):
        """A sandbox that is told to end, and cannot: somebody's process is in it, and not reaped."""
        daemon = self.start("--egress-pool", "10.213.5.0/30")  # one
        port = self.networks.outside.listen(OUTSIDE_ADDRESS)
        daemon.create("first")
        self.assertEqual("ok hello", daemon.tcp("first", OUTSIDE_ADDRESS, port))
        daemon.namespaces(1)
        daemon.let_go()
        init, = children(daemon.launcher())
        guest = subprocess.Popen(["nsenter", f"--pid=/proc/{init}/ns/pid", "sleep", "1000"])
        self.addCleanup(guest.wait)
        wait_until(lambda: children(guest.pid), what="the guest's process in there")
        guest.send_signal(signal.SIGSTOP)
        self.addCleanup(guest.send_signal, signal.SIGCONT)
        self.assertEqual(204, daemon.delete_function("first").status)
        wait_until(lambda: daemon.places() == (0, 1), what="it is told to end")
        answers = []
        call = threading.Thread(target=lambda: answers.append(daemon.try_create("second").status))
        call.start()
        wait_until(lambda: daemon.places() == (1, 1), what="the place is asked for")
        daemon.create_function("without", handler_path("caller_out"), timeout=20)  # asked for after it, and made before
        self.assertEqual([], answers)
        guest.send_signal(signal.SIGCONT)
        call.join()
        self.assertEqual([201], answers)
        daemon.wait_active("second")
        self.assertEqual("ok hello", daemon.tcp("second", OUTSIDE_ADDRESS, port))

    def test_all_is_gone_at_its_end_though_somebody_looks_into_a_sandbox(self):
        daemon = self.start()
        daemon.create("out")
        daemon.ask("out", "meddle")
        daemon.namespaces(1)  # held: its cable does not go by itself
        daemon.stop()
        self.assert_as_it_was()

    def test_strict_workers_have_a_place_each_and_are_never_blank_before(self):
        daemon = self.start()
        outside = self.networks.outside
        some, other = outside.listen(OUTSIDE_ADDRESS), outside.listen(OUTSIDE_ADDRESS)
        daemon.create("out", Isolation="strict", NetworkPorts=[some])
        self.assertEqual("ok hello", daemon.tcp("out", OUTSIDE_ADDRESS, some))
        self.assertEqual(0, metric_sum(daemon.metrics(), "hearth_blank_sandboxes", state="wanted"), "kept for nobody")
        # With blank ones there, for another, it is made as a whole all the same.
        daemon.create_function("without", handler_path("caller_out"), timeout=20, hearth={"Isolation": "strict"})
        wait_until(lambda: metric_sum(daemon.metrics(), "hearth_blank_sandboxes", state="ready") >= 1, what="a blank sandbox")
        daemon.create("out2", Isolation="strict", NetworkPorts=[some])
        self.assertEqual("ok hello", daemon.tcp("out2", OUTSIDE_ADDRESS, some))
        self.assertEqual(0, metric_sum(daemon.metrics(), "hearth_own_sandbox_starts_total", **{"from": "blank"}))
        self.assertEqual("socket EACCES", daemon.tcp("without", OUTSIDE_ADDRESS, some))
        # Its port by Landlock of the worker, and by the host without that; its namespace another worker's not.
        self.assertEqual("EACCES", daemon.tcp("out", OUTSIDE_ADDRESS, other))
        self.assertEqual([REFUSED] * 2, [space.connect(OUTSIDE_ADDRESS, other) for space in daemon.namespaces(2).values()])


class Refused(EgressTest):
    def test_a_pool_that_the_host_uses_is_refused_by_the_route(self):
        daemon = self.start("--egress-pool", "203.0.113.128/25")
        self.assert_refused(daemon.try_create("out"), 503, "ServiceUnavailableException", "203.0.113.0/24", "up0", "--egress-pool")
        daemon.stop()
        self.host.run("ip address add 10.213.9.1/32 dev lo")
        self.addCleanup(self.host.run, "ip address del 10.213.9.1/32 dev lo")
        daemon = self.start()
        self.assert_refused(daemon.try_create("out"), 503, "ServiceUnavailableException", "10.213.9.1", "--egress-pool")

    def test_without_nft_it_is_refused_by_name(self):
        daemon = self.start("--nft", "/nonexistent/nft")
        self.assert_refused(daemon.try_create("out"), 400, "InvalidParameterValueException", '"egress"', "/nonexistent/nft",
                            "package nftables")
        self.assertEqual((0, 0), daemon.places())

    def test_a_second_daemon_of_the_host_is_refused(self):
        first = self.start()
        first.create("out")
        second = OpenDaemon("--egress-pool", "10.214.0.0/20").start()
        self.addCleanup(second.remove)
        self.assert_refused(second.try_create("out"), 503, "ServiceUnavailableException", "another hearthd")
        second.stop()
        self.assertIn("chain through", self.table())  # and leaves it alone at its end
        self.daemon = first

    def test_doctor_tries_it_and_leaves_nothing(self):
        found = {}
        for user in (None, 65534):
            told = subprocess.run([str(built("hearth")), "doctor", "--json"], capture_output=True, text=True, user=user, check=False)
            found[user], = (layer for layer in json.loads(told.stdout)["layers"] if layer["layer"] == "network egress")
        self.assertEqual(("ok", "veth and nftables"), (found[None]["state"], found[None]["detail"]))
        self.assertEqual("missing", found[65534]["state"])
        self.assertIn("needs root", found[65534]["detail"])
        self.assertEqual("", self.table())
        self.daemon = self.start()

    def test_an_unprivileged_daemon_refuses_it(self):
        daemon = Daemon(uid=65534)
        self.addCleanup(daemon.remove)
        self.daemon = daemon.start()
        answer = daemon.try_create_function("out", handler_path("caller_out"), hearth={"Network": "egress"})
        self.assert_refused(answer, 400, "InvalidParameterValueException", '"egress"', "needs root")


if __name__ == "__main__":
    unittest.main()
