"""From a function without a network the control plane is out of reach: its port, the data port, and unix sockets as a control plane
may have them, by name and by path, one of them in a folder that the function sees."""
import contextlib
import pathlib
import socket
import tempfile
import threading
import unittest

from hearth_e2e import DaemonTest, handler_path

ABSTRACT = "\0hearth-e2e-control"


def serve(listener):
    def greet():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer, contextlib.suppress(BrokenPipeError):  # who only looked whether it is there
                peer.sendall(b"hello")
    threading.Thread(target=greet, daemon=True).start()


class ControlPlane(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="hearth-e2e-sockets-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.daemon.put_bucket("sockets", cls.folder.name)
        hearth = {"Network": "none", "Buckets": [{"Bucket": "sockets", "Writable": True}]}
        cls.daemon.create_function("shut", handler_path("caller_out"), timeout=20, hearth=hearth)

    def listen(self, path):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(listener.close)
        listener.bind(path)
        listener.listen()
        serve(listener)
        return path

    def ask(self, what, **order):
        return self.daemon.invoke("shut", {"do": what, **order}).json()

    def assert_there(self, family, address):
        """What is out of reach is there for who is outside."""
        with socket.socket(family, socket.SOCK_STREAM) as caller:
            caller.settimeout(10)
            caller.connect(address)

    def test_neither_port_by_loopback_or_any_other_address(self):
        for port in (self.daemon.control_port, self.daemon.data_port):
            self.assert_there(socket.AF_INET, ("127.0.0.1", port))
            for host in ("127.0.0.1", "0.0.0.0"):
                self.assertEqual("socket EACCES", self.ask("tcp", host=host, port=port))
            self.assertEqual("socket EACCES", self.ask("udp", host="127.0.0.1", port=port))

    def test_no_abstract_socket(self):
        self.listen(ABSTRACT)
        self.assert_there(socket.AF_UNIX, ABSTRACT)
        self.assertEqual("socket EACCES", self.ask("unix", path=ABSTRACT))

    def test_no_socket_by_its_path_though_the_function_sees_it(self):
        path = self.listen(str(pathlib.Path(self.folder.name, "control")))
        pathlib.Path(path).chmod(0o777)
        self.assert_there(socket.AF_UNIX, path)
        self.assertEqual("ENXIO", self.ask("read", path="/mnt/buckets/sockets/control"))  # it is there, and a socket
        self.assertEqual("socket EACCES", self.ask("unix", path="/mnt/buckets/sockets/control"))


if __name__ == "__main__":
    unittest.main()
