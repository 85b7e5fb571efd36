"""Small line and bar plots as SVG, without a library. A picture has no background and reads on light and dark pages.

    plot = Lines("Requests a second", "connections", "of nginx", log_x=True)
    plot.add("noop", [(1, 0.6), (16, 0.55), (64, 0.56)])
    plot.write(folder, "http")
"""
import math
import os
import pathlib
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 72, 16, 44, 48  # room for ticks and captions around the area of the points
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #444; } .title { font-size: 14px; font-weight: 600; }
.axis { stroke: #888; fill: none; } .grid { stroke: #8884; } path.line { fill: none; stroke-width: 2; }
.c0 { --c: #0b6bcb; } .c1 { --c: #c8500a; } .c2 { --c: #2d8a4e; } .c3 { --c: #8548c9; } .c4 { --c: #888; }
path.line { stroke: var(--c); } circle, rect { fill: var(--c); }
@media (prefers-color-scheme: dark) { text { fill: #ccc; } .c0 { --c: #6cb2f7; } .c1 { --c: #f2995f; } .c2 { --c: #6fce90; } .c3 { --c: #c29bf0; } }
"""
COLOURS = 5


def nice_ticks(most, count=5):
    """From 0 to the first round step at or over `most`."""
    if most <= 0:
        return [0, 1]
    power = 10 ** math.floor(math.log10(most / count))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor * count >= most * (1 - 1e-9))
    return [step * n for n in range(math.ceil(most / step - 1e-9) + 1)]


def text_of(value):
    return f"{value:,.10g}"


def text(x, y, words, **attributes):
    more = "".join(f' {name.strip("_").replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{more}>{escape(str(words))}</text>'


def document(title, parts, height=HEIGHT):
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
                      f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", text(LEFT, 18, title, class_="title"), *parts,
                      "</svg>", ""])


def write(svg, folder, name):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.svg").write_text(svg, encoding="utf-8")


class Lines:
    """y over x, from y = 0. `log_x`: where x grows by powers; each x of a point has a tick then."""

    def __init__(self, title, x_label, y_label, log_x=False):
        self.title, self.x_label, self.y_label, self.log_x = title, x_label, y_label, log_x
        self.lines = []

    def add(self, name, points):
        self.lines.append((name, sorted(points)))

    def scale(self):
        """Ticks of both axes, and where a point is."""
        xs = sorted({x for _, points in self.lines for x, _ in points})
        x_ticks = xs if self.log_x else nice_ticks(xs[-1])
        y_ticks = nice_ticks(max(y for _, points in self.lines for _, y in points))
        measure = math.log if self.log_x else float
        low, high = measure(x_ticks[0]), measure(x_ticks[-1])

        def place(x, y):
            share = (measure(x) - low) / (high - low) if high > low else 0.5
            return LEFT + share * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y / y_ticks[-1] * (HEIGHT - TOP - BOTTOM)
        return x_ticks, y_ticks, place

    def svg(self):
        x_ticks, y_ticks, place = self.scale()
        parts = []
        for y in y_ticks:
            at = place(x_ticks[0], y)[1]
            parts += [f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>', text(LEFT - 8, at + 4, text_of(y), text_anchor="end")]
        for x in x_ticks:
            at = place(x, 0)[0]
            parts += [f'<path class="axis" d="M{at:.1f} {HEIGHT - BOTTOM}v5"/>',
                      text(at, HEIGHT - BOTTOM + 18, text_of(x), text_anchor="end" if at > WIDTH - 40 else "middle")]
        parts += [f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>',
                  text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, self.x_label, text_anchor="middle"),
                  text(0, 0, self.y_label, text_anchor="middle", transform=f"translate(14 {(TOP + HEIGHT - BOTTOM) / 2:.1f}) rotate(-90)")]
        for number, (name, points) in enumerate(self.lines):
            placed = [place(x, y) for x, y in points]
            path = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
            dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in placed)
            legend = LEFT + 12 + 140 * number
            parts.append(f'<g class="c{number % COLOURS}"><path class="line" d="M{path}"/>{dots}'
                         f'<rect x="{legend}" y="27" width="10" height="10"/>{text(legend + 15, 36, name)}</g>')
        return document(self.title, parts)

    def write(self, folder, name):
        write(self.svg(), folder, name)


class Bars:
    """One bar a name, lying, each with its figure; from 0."""
    ROW, NAMES = 26, 210

    def __init__(self, title, unit):
        self.title, self.unit, self.bars = title, unit, []

    def add(self, name, value):
        self.bars.append((name, value))

    def svg(self):
        most = max(value for _, value in self.bars) or 1
        parts = []
        for number, (name, value) in enumerate(self.bars):
            y, long = 34 + number * self.ROW, value / most * (WIDTH - self.NAMES - 90)
            parts += [text(self.NAMES - 8, y + 14, name, text_anchor="end"),
                      f'<rect class="c0" x="{self.NAMES}" y="{y}" width="{long:.1f}" height="{self.ROW - 8}"/>',
                      text(self.NAMES + long + 6, y + 14, f"{value:.3g} {self.unit}")]
        return document(self.title, parts, 34 + len(self.bars) * self.ROW + 6)

    def write(self, folder, name):
        write(self.svg(), folder, name)


def add_argument(parser):
    """--plot FOLDER; ./dev bench all gives one for all scripts."""
    parser.add_argument("--plot", metavar="FOLDER", default=os.environ.get("HEARTH_BENCH_PLOTS"), help="write plots (SVG) there too")
