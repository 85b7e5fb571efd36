"""Network namespaces of a test's own: a host for hearthd to run on, and an outside. They are gone with this process, whatever
becomes of it, and the machine's own interfaces, rules and settings are not touched.

    HOST is what hearthd sees as its host (203.0.113.1 to the outside); OUTSIDE answers on 203.0.113.9 and whatever it is given.
"""
import ctypes
import os
import shutil
import socket
import subprocess
import threading

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
HOST_ADDRESS, OUTSIDE_ADDRESS = "203.0.113.1", "203.0.113.9"
PRIVATE_ADDRESS, METADATA_ADDRESS = "192.168.77.9", "169.254.169.254"


def why_not():
    """Why this machine cannot run such a test; None when it can."""
    if os.geteuid() != 0:
        return "needs root: network namespaces and nftables"
    for program, package in (("nft", "nftables"), ("ip", "iproute2")):
        if not shutil.which(program, path="/usr/sbin:/sbin:/usr/bin:/bin"):
            return f"needs {program}: apt-get install {package}"
    return None


def checked(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Namespace:
    """A network namespace, held by a descriptor."""

    def __init__(self, path=None):
        """A new one, or the one of /proc/PID/ns/net."""
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC) if path else self._made()

    @staticmethod
    def _made():
        made = []

        def unshare():
            checked(LIBC.unshare(CLONE_NEWNET))
            made.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        thread = threading.Thread(target=unshare)
        thread.start()
        thread.join()
        if not made:
            raise AssertionError("no network namespace could be made")
        return made[0]

    def close(self):
        os.close(self.fd)

    def enter(self):
        """The calling thread, for good."""
        checked(LIBC.setns(self.fd, CLONE_NEWNET))

    def call(self, function, *arguments):
        """function(*arguments) as if in there; its sockets and children stay there."""
        outcome = []

        def run():
            self.enter()
            try:
                outcome.append((function(*arguments), None))
            except Exception as problem:  # for the caller to see
                outcome.append((None, problem))
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        value, problem = outcome[0]
        if problem:
            raise problem
        return value

    def run(self, command, check=True):
        """A program, by its words; what it printed."""
        done = self.call(lambda: subprocess.run(command.split(), capture_output=True, text=True, check=False))
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: {done.stderr}")
        return done.stdout

    def setting(self, name, value=None):
        """A file below /proc/sys/net, which is the reader's namespace's."""
        def access():
            with open(f"/proc/sys/net/{name}", "r+" if value is not None else "r") as file:
                return file.write(value) if value is not None else file.read().strip()
        return self.call(access)

    def path(self):
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def listen(self, host, port=0, words=b"hello"):
        """A listener that says `words` to whoever connects, or, without any, who that is; returns its port."""
        listener = self.call(lambda: socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET))

        def serve():
            while True:
                try:
                    peer, address = listener.accept()
                except OSError:
                    return
                with peer:
                    peer.sendall(words or address[0].encode())
        threading.Thread(target=serve, daemon=True).start()
        return listener.getsockname()[1]

    def answer_datagrams(self, add_cleanup, address, port, answer):
        """answer(datagram) to whoever sends one, until the test's end."""
        def bound():
            listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            listener.bind((address, port))
            listener.settimeout(0.1)
            return listener
        listener, over = self.call(bound), threading.Event()

        def serve():
            with listener:
                while not over.is_set():
                    try:
                        question, peer = listener.recvfrom(2048)
                    except TimeoutError:
                        continue
                    listener.sendto(answer(question), peer)
        server = threading.Thread(target=serve, daemon=True)
        server.start()
        add_cleanup(server.join)
        add_cleanup(over.set)

    def connect(self, address, port):
        """ "ok" or the errno's name, as a process in there would find. """
        import errno

        def attempt():
            try:
                socket.create_connection((address, port), timeout=3).close()
                return "ok"
            except TimeoutError:
                return "ETIMEDOUT"
            except OSError as problem:
                return errno.errorcode[problem.errno]
        return self.call(attempt)


def address_answer(question, address):
    """To a question of DNS: that address, whatever the name, when an address is asked for."""
    end = question.index(b"\0", 12) + 5
    wants_address = question[end - 4:end - 2] == b"\0\1"
    header = question[:2] + b"\x81\x80\0\1" + (b"\0\1" if wants_address else b"\0\0") + b"\0\0\0\0"
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(address) if wants_address else b""
    return header + question[12:end] + record


class Networks:
    """HOST and OUTSIDE, with a cable between them. This process's main thread becomes one of HOST."""

    def __init__(self):
        self.before = Namespace("/proc/thread-self/ns/net")
        self.host, self.outside = Namespace(), Namespace()
        self.host.run(f"ip link add up0 type veth peer name out0 netns {self.outside.path()}")
        for space, name, address in ((self.host, "up0", HOST_ADDRESS), (self.outside, "out0", OUTSIDE_ADDRESS)):
            space.run("ip link set lo up")
            space.run(f"ip address add {address}/24 dev {name}")
            space.run(f"ip link set {name} up")
        self.host.run(f"ip route add default via {OUTSIDE_ADDRESS}")
        for address in (PRIVATE_ADDRESS, METADATA_ADDRESS):
            self.outside.run(f"ip address add {address}/32 dev lo")
            self.host.run(f"ip route add {address}/32 via {OUTSIDE_ADDRESS}")
        self.host.setting("ipv4/ip_forward", "0")
        self.host.enter()

    def leave(self):
        self.before.enter()
