"""What deploy refuses: the reason by name, nothing left behind, and the old code keeps serving."""
import struct
import unittest

from hearth_e2e import DaemonTest, handler_path, zip_of

ELF_MACHINE_OFFSET = 18  # e_machine, two bytes, in both ELF classes
ARM64, X86_64, RISCV = 183, 62, 243
DT_NEEDED = 1


def with_machine(elf, machine):
    return elf[:ELF_MACHINE_OFFSET] + struct.pack("<H", machine) + elf[ELF_MACHINE_OFFSET + 2:]


def other_machine(elf):
    return ARM64 if struct.unpack_from("<H", elf, ELF_MACHINE_OFFSET)[0] == X86_64 else X86_64


def with_missing_library(elf, needed=b"libstdc++.so.6", missing=b"libnowhere.so."):
    """The same object, needing a library that no machine has: the name is changed where the dynamic strings keep it."""
    assert len(needed) == len(missing) and needed + b"\0" in elf
    return elf.replace(needed + b"\0", missing + b"\0")


class DeployRefusals(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.good = handler_path("victim").read_bytes()
        cls.daemon.create_function("serving", cls.good, handler="libvictim.so")

    def assert_create_refused(self, code, handler, *words):
        """400 with the reason; and there is no function of that name after it."""
        answer = self.daemon.try_create_function("refused", code, handler=handler)
        self.assert_refused(answer, 400, "InvalidParameterValueException", *words)
        self.assertEqual(404, self.daemon.get_function("refused").status)

    def assert_update_refused(self, code, *words):
        """The same for an update; the function serves its old code, and says that it has it."""
        before = self.daemon.get_function("serving").json()["Configuration"]
        self.assert_refused(self.daemon.update_code("serving", code), 400, "InvalidParameterValueException", *words)
        after = self.daemon.get_function("serving").json()["Configuration"]
        self.assertEqual((before["CodeSha256"], before["RevisionId"]), (after["CodeSha256"], after["RevisionId"]))
        answer = self.daemon.invoke("serving", {"do": "echo"})
        self.assertEqual((200, None), (answer.status, answer.function_error), answer)

    def assert_both_refused(self, code, handler, *words):
        with self.subTest("create"):
            self.assert_create_refused(code, handler, *words)
        with self.subTest("update"):
            self.assert_update_refused(code, *words)

    def test_zip_that_is_cut_short(self):
        package = zip_of(handler_path("victim"))
        self.assert_both_refused(package[:len(package) // 2], "libvictim.so", "zip")

    def test_neither_zip_nor_shared_object(self):
        self.assert_both_refused(b"#!/bin/sh\necho no\n", "libvictim.so", "zip")

    def test_zip_without_the_library_of_the_handler(self):
        self.assert_create_refused(zip_of(**{"readme.txt": "nothing here"}), "libvictim.so", "libvictim.so")

    def test_zip_whose_entry_leads_out_of_the_package(self):
        self.assert_both_refused(zip_of(handler_path("victim"), **{"../outside.txt": "no"}), "libvictim.so", "..")

    def test_library_of_another_architecture(self):
        wrong = with_machine(self.good, other_machine(self.good))
        self.assert_both_refused(wrong, "libvictim.so", "aarch64" if other_machine(self.good) == ARM64 else "x86")

    def test_library_of_an_architecture_from_elsewhere(self):
        self.assert_both_refused(with_machine(self.good, RISCV), "libvictim.so", "machine")

    def test_library_without_the_entry(self):
        self.assert_create_refused(handler_path("nosymbol").read_bytes(), "libnosymbol.so", "hearth_function")

    def test_library_without_the_symbol_that_the_handler_names(self):
        self.assert_create_refused(self.good, "libvictim.so:elsewhere", "elsewhere")

    def test_library_with_an_abi_of_the_future_names_both_versions(self):
        self.assert_create_refused(handler_path("wrongabi").read_bytes(), "libwrongabi.so", "ABI", "99", "1")

    def test_library_that_needs_another_which_is_not_there(self):
        self.assert_both_refused(with_missing_library(self.good), "libvictim.so", "libnowhere.so")

    def test_library_with_an_undefined_symbol(self):
        self.assert_create_refused(handler_path("undefined").read_bytes(), "libundefined.so",
                                   "hearth_test_symbol_that_nobody_defines")

    def test_elf_that_is_cut_short(self):
        self.assert_both_refused(self.good[:200], "libvictim.so")

    def test_handler_without_library(self):
        self.assert_create_refused(self.good, "../libvictim.so", "handler")


class DeploySettings(DaemonTest):
    """Settings that are out of bounds, and names that are taken."""

    @classmethod
    def set_up_functions(cls):
        cls.good = handler_path("victim")

    def test_name_that_is_taken(self):
        self.daemon.create_function("taken", self.good)
        answer = self.daemon.try_create_function("taken", self.good)
        self.assert_refused(answer, 409, "ResourceConflictException", "taken")

    def test_settings_out_of_bounds(self):
        for settings in ({"timeout": 901}, {"timeout": 0}, {"memory": 20_000}, {"env": {"A": "x" * 5000}},
                         {"Runtime": "python3.12"}, {"hearth": {"Isolation": "none"}}, {"hearth": {"Bukets": []}}):
            with self.subTest(settings):
                answer = self.daemon.try_create_function("bounds", self.good, **settings)
                self.assert_refused(answer, 400, "InvalidParameterValueException")

    def test_zip_and_bare_library_both_deploy(self):
        for name, code in (("zipped", zip_of(self.good)), ("bare", self.good.read_bytes())):
            with self.subTest(name):
                self.daemon.create_function(name, code, handler="libvictim.so")
                self.assertEqual(1, self.daemon.invoke(name, {"do": "count"}).json())

    def test_updated_code_serves_and_the_next_call_is_cold(self):
        self.daemon.create_function("swapped", zip_of(self.good), handler="libvictim.so")
        self.assertEqual([1, 2], [self.daemon.invoke("swapped", {"do": "count"}).json() for _ in range(2)])
        answer = self.daemon.update_code("swapped", zip_of(self.good, **{"version.txt": "2"}))
        self.assertEqual(200, answer.status, answer)
        self.daemon.wait_active("swapped")
        self.assertEqual(1, self.daemon.invoke("swapped", {"do": "count"}).json())

    def test_create_answer_has_lambdas_members(self):
        created = self.daemon.create_function("shape", self.good)
        expected = {"Architectures", "CodeSha256", "CodeSize", "Description", "EphemeralStorage", "FunctionArn", "FunctionName",
                    "Handler", "LastModified", "LoggingConfig", "MemorySize", "PackageType", "RevisionId", "Role", "Runtime",
                    "RuntimeVersionConfig", "SnapStart", "State", "StateReason", "StateReasonCode", "Timeout", "TracingConfig",
                    "Version"}
        self.assertEqual(expected, set(created))
        self.assertEqual("arn:aws:lambda:us-east-1:000000000000:function:shape", created["FunctionArn"])

    def test_deleted_function_is_gone(self):
        self.daemon.create_function("going", self.good)
        self.assertEqual(204, self.daemon.delete_function("going").status)
        self.assert_refused(self.daemon.invoke("going", {}), 404, "ResourceNotFoundException", "going")


if __name__ == "__main__":
    unittest.main()
