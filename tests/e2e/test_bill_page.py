"""The HTML bill in a real browser: everything is drawn, nothing is fetched, nothing overflows, light and dark."""
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile
import unittest
import zlib

from hearth_e2e import DaemonTest, built, handler_path
from ledger_reader import account_events

BROWSER = shutil.which("chromium")
DEADLINE_S = 60
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--enable-logging=stderr"]
DARK = "--blink-settings=preferredColorScheme=0"
# What a reader's eye sees: sizes of the document, of each plot and of each bar.
MEASURE = """<script>addEventListener("load", () => {
  const of = id => [...document.querySelectorAll(`#${id} rect`)].map(r => r.getBoundingClientRect());
  const plots = Object.fromEntries(["plot-days", "plot-functions", "plot-idle"].map(id => {
    const plot = document.getElementById(id), box = plot.getBoundingClientRect();
    const texts = [...plot.querySelectorAll("text")].map(t => t.getBoundingClientRect());
    return [id, {width: box.width, height: box.height, bars: of(id).filter(b => b.width > 0 && b.height > 0).length,
      outside: [...of(id), ...texts].filter(b => b.left < box.left - 1 || b.right > box.right + 1 ||
                                                 b.top < box.top - 1 || b.bottom > box.bottom + 1).length}]; }));
  const out = document.createElement("pre");
  out.id = "measured";
  out.textContent = JSON.stringify({plots, wide: document.documentElement.scrollWidth, room: innerWidth,
    rows: document.querySelectorAll("#functions tbody tr").length, bold: document.querySelectorAll("td b").length,
    background: getComputedStyle(document.body).backgroundColor});
  document.body.append(out);
});</script>"""


def png_colors(path):
    """How many different colours a screenshot has, and its size."""
    data = path.read_bytes()
    at, packed = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", data[at + 8:at + 18])
        if kind == b"IDAT":
            packed += data[at + 8:at + 8 + size]
        at += 12 + size
    channels = {2: 3, 6: 4}[color]
    assert depth == 8
    raw, stride, colors = zlib.decompress(packed), width * channels, set()
    before = bytearray(stride)
    for row in range(height):
        line = bytearray(raw[row * (stride + 1) + 1:(row + 1) * (stride + 1)])
        how = raw[row * (stride + 1)]
        for i in range(stride):
            left = line[i - channels] if i >= channels else 0
            up, corner = before[i], before[i - channels] if i >= channels else 0
            if how == 1:
                add = left
            elif how == 2:
                add = up
            elif how == 3:
                add = (left + up) // 2
            elif how == 4:
                guess = left + up - corner
                add = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
            else:
                add = 0
            line[i] = (line[i] + add) & 255
        colors.update(bytes(line[i:i + 3]) for i in range(0, stride, channels))
        before = line
    return len(colors), width, height


@unittest.skipUnless(BROWSER, "no chromium here: apt-get install chromium, or ./dev test")
class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-page-"))
        cls.page = cls.folder / "bill.html"
        subprocess.run([str(built("unit_meter")), "[page-to-look-at]"], check=True, capture_output=True,
                       env={**os.environ, "HEARTH_PAGE": str(cls.page)})
        # The page forbids every script; to measure it, a copy allows ours.
        text = cls.page.read_text()
        cls.measured = cls.folder / "measured.html"
        cls.measured.write_text(re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
                                .replace("</body>", MEASURE + "</body>"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def browse(self, page, *flags, size="1100,2400"):
        profile = tempfile.mkdtemp(prefix="profile-", dir=self.folder)
        return subprocess.run([BROWSER, *FLAGS, f"--user-data-dir={profile}", f"--window-size={size}", *flags,
                               page.as_uri()], capture_output=True, text=True, timeout=DEADLINE_S, check=True)

    def measure(self, *flags, **options):
        dom = self.browse(self.measured, "--dump-dom", *flags, **options).stdout
        found = re.search(r'<pre id="measured">(.*?)</pre>', dom, re.S)
        self.assertTrue(found, dom[-2000:])
        return json.loads(found[1])

    def test_every_plot_is_drawn_within_its_frame(self):
        seen = self.measure()
        self.assertGreater(seen["plots"]["plot-days"]["bars"], 100, seen)
        self.assertEqual(13, seen["plots"]["plot-functions"]["bars"], seen)
        self.assertGreater(seen["plots"]["plot-idle"]["bars"], 80, seen)
        for name, plot in seen["plots"].items():
            self.assertEqual(0, plot["outside"], name)
            self.assertGreater(plot["width"], 600, name)
        self.assertEqual((14, 0), (seen["rows"], seen["bold"]), "a name with tags in it is text")

    def test_nothing_is_wider_than_the_window(self):
        for size in ("1100,2400", "600,2400"):
            seen = self.measure(size=size)
            self.assertLessEqual(seen["wide"], seen["room"], size)

    def test_dark_where_the_system_is_dark(self):
        self.assertNotEqual(self.measure()["background"], self.measure(DARK)["background"])

    def test_console_is_quiet_and_nothing_is_fetched(self):
        done = self.browse(self.page, "--dump-dom")
        self.assertNotIn("CONSOLE", done.stderr)
        self.assertNotIn("ERR_", done.stderr)
        self.assertNotIn("<script", done.stdout)
        for address in re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\'\s>)]+)', done.stdout):
            self.assertTrue(address.startswith("data:"), address)

    def test_screenshot_is_a_picture(self):
        for name, flags in (("light.png", []), ("dark.png", [DARK])):
            picture = self.folder / name
            self.browse(self.page, f"--screenshot={picture}", *flags, size="700,900")
            colors, width, height = png_colors(picture)
            self.assertEqual((700, 900), (width, height))
            self.assertGreater(colors, 50, name)


@unittest.skipUnless(BROWSER, "no chromium here: apt-get install chromium, or ./dev test")
class PageOfADaemon(DaemonTest):
    @classmethod
    def set_up_functions(cls):
        cls.daemon.create_function("victim", handler_path("victim"))

    def test_what_ran_is_on_it(self):
        self.daemon.invoke("victim", {"do": "echo"})
        page = self.daemon.folder / "bill.html"
        done = self.daemon.hearth("bill", "--html", page)
        self.assertEqual(0, done.returncode, done)
        profile = self.daemon.folder / "profile"
        seen = subprocess.run([BROWSER, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()], check=True,
                              capture_output=True, text=True, timeout=DEADLINE_S)
        self.assertNotIn("CONSOLE", seen.stderr)
        for part in ('id="plot-days"', 'id="plot-functions"', 'id="plot-idle"', "victim"):
            self.assertIn(part, seen.stdout)

    def test_share_of_idle_is_that_of_the_node(self):
        """The worker is kept without an event until the daemon stops; what the node saw of it is in the ledger then."""
        self.daemon.invoke("victim", {"do": "echo"})
        self.daemon.stop()
        hours = [event["payload"] for event in account_events(self.daemon.data_dir / "ledger") if event["kind"] == "node.hour"]
        self.assertGreater(sum(hour["keep_alive"] for hour in hours), 0, hours)
        for hour in hours:
            held = sum(hour[part] for part in ("busy", "reserved_busy", "reserved_idle", "spot", "dedicated", "keep_alive", "platform"))
            self.assertLessEqual(held, hour["capacity"], hour)
            self.assertLessEqual(hour["observed_ms"], 3_600_000, hour)
        self.daemon.start()
        page = self.daemon.folder / "idle.html"
        self.assertEqual(0, self.daemon.hearth("bill", "--html", page).returncode)
        shares = [float(share) for share in re.findall(r"\d{4}-\d\d-\d\d: ([\d.]+) ?% idle", page.read_text())]
        self.assertGreater(max(shares), 0, "no day has idle memory")


if __name__ == "__main__":
    unittest.main()
