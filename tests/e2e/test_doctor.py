"""`hearth doctor` says what this machine gives, without a daemon, as whoever runs it."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from hearth_e2e import BUILD

NOBODY = 65534
REQUEST_DEADLINE_S = 60


@unittest.skipUnless(os.geteuid() == 0, "needs root, to become another user and to change root")
class Doctor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The build tree may lie where nobody else may look.
        cls.tree = pathlib.Path(tempfile.mkdtemp(prefix="hearth-doctor-"))
        cls.addClassCleanup(shutil.rmtree, cls.tree, ignore_errors=True)
        cls.tree.chmod(0o755)
        for part in ("bin/hearth", "libexec/hearth/hearth-launcher", "libexec/hearth/hearth-worker", "libexec/hearth/libhearth-doctor.so"):
            (cls.tree / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(BUILD / part, cls.tree / part)

    def doctor(self, *arguments, **options):
        return subprocess.run([self.tree / "bin/hearth", "doctor", *arguments], capture_output=True, text=True, check=False,
                              timeout=REQUEST_DEADLINE_S, env={"HOME": "/tmp"}, **options)

    def diagnosis(self, **options):
        ran = self.doctor("--json", **options)
        found = json.loads(ran.stdout)
        return ran.returncode, found, {layer["layer"]: layer for layer in found["layers"]}

    def test_as_root(self):
        code, found, layers = self.diagnosis()
        self.assertEqual(0, code, found)
        self.assertGreaterEqual(found["isolation_level"], 4)
        for layer in ("seccomp", "namespaces", "private /tmp", "namespaces of each worker", "landlock", "cgroups"):
            self.assertIn(layer, layers)
        self.assertEqual("ok", layers["namespaces of each worker"]["state"])
        starts = found["cold_start"]
        self.assertLess(0, starts["next_us_median"])
        self.assertLess(starts["next_us_median"], starts["first_us"])
        self.assertLessEqual(starts["next_us_median"], starts["next_us_p95"])

    def test_as_an_ordinary_user(self):
        code, found, layers = self.diagnosis(user=NOBODY)
        self.assertEqual((0, 2), (code, found["isolation_level"]), found)
        self.assertEqual("missing", layers["uid for each function"]["state"])
        self.assertIn("needs root", layers["uid for each function"]["detail"])
        self.assertIn("next_us_median", found["cold_start"])

    def test_as_text(self):
        ran = self.doctor()
        self.assertEqual(0, ran.returncode, ran)
        self.assertRegex(ran.stdout, r"(?m)^seccomp +ok$")
        self.assertRegex(ran.stdout, r"(?m)^isolation level [45]: everything")
        self.assertRegex(ran.stdout, r"(?m)^first start of a function that does nothing: [\d.]+ ms$")
        self.assertRegex(ran.stdout, r"(?m)^each worker more: [\d.]+ ms, p95 [\d.]+ ms")

    def test_a_chroot_is_named(self):
        """Linux makes no user namespaces in one, which each worker needs: errno and remedy say so."""
        root = self.tree / "root"
        script = f"""set -e
            for folder in usr proc dev tree; do mkdir -p {root}/$folder; done
            for link in lib lib64 bin; do [ ! -L /$link ] || ln -sfn "$(readlink /$link)" {root}/$link; done
            mkdir -p {root}/tmp
            mount --bind /usr {root}/usr; mount --rbind /proc {root}/proc; mount --rbind /dev {root}/dev; mount --bind {self.tree} {root}/tree
            exec chroot {root} /tree/bin/hearth doctor --json"""
        ran = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", script], capture_output=True, text=True, check=False,
                             timeout=REQUEST_DEADLINE_S)
        found = json.loads(ran.stdout)
        nested = next(layer for layer in found["layers"] if layer["layer"] == "namespaces of each worker")
        self.assertEqual("missing", nested["state"], nested)
        self.assertIn("EPERM", nested["detail"])
        self.assertIn("chroot", nested["detail"])
        self.assertEqual((3, 1), (ran.returncode, found["isolation_level"]), ran)
        self.assertIn("refused below level 2", found["cold_start"]["failure"])

    def test_where_no_user_namespaces_are_left_the_setting_is_named(self):
        script = f"echo 0 > /proc/sys/user/max_user_namespaces; exec {self.tree}/bin/hearth doctor --json"
        ran = subprocess.run(["unshare", "--user", "--map-root-user", "sh", "-c", script], capture_output=True, text=True, check=False,
                             timeout=REQUEST_DEADLINE_S, env={"HOME": "/tmp", "PATH": os.environ["PATH"]})
        self.assertIn("user.max_user_namespaces", ran.stdout, ran)
        self.assertEqual(3, ran.returncode, ran)


if __name__ == "__main__":
    unittest.main()
