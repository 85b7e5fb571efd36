"""Pictures for the demo: a small landscape painted here, brought to several sizes and formats by the vips command."""
import struct
import subprocess
import zlib

WIDTH, HEIGHT = 480, 320
# name, scale of the painting, whether it is stored lying down with an EXIF note to turn it
PICTURES = [("lake.jpg", 8, False), ("dunes.png", 3, False), ("harbour.webp", 4, False), ("tower.jpg", 5, True),
            ("stamp.png", 0.5, False)]
BROKEN = "broken.jpg"
EXIF_TURN_RIGHT = 6


def make_pictures(folder):
    """Writes them all into the folder; returns their paths, the broken one last."""
    painting = folder / ".painting.png"
    painting.write_bytes(png_of(WIDTH, HEIGHT, landscape()))
    lying = folder / ".lying.png"
    vips("rot", painting, lying, "d270")
    made = []
    for name, scale, turned in PICTURES:
        path = folder / name
        vips("resize", lying if turned else painting, path, str(scale))
        if turned:
            path.write_bytes(with_orientation(path.read_bytes(), EXIF_TURN_RIGHT))
        made.append(path)
    whole = made[0].read_bytes()
    broken = folder / BROKEN
    broken.write_bytes(whole[:600])  # a download that stopped early: headers, and no picture
    painting.unlink()
    lying.unlink()
    return made + [broken]


def vips(*arguments):
    subprocess.run(["vips", *arguments], check=True, capture_output=True)


def landscape():
    """Rows of RGB: a sky from blue to gold, a sun, a hill and water that mirrors the sky."""
    rows = []
    horizon = HEIGHT * 2 // 3
    for y in range(HEIGHT):
        height = y if y < horizon else 2 * horizon - y
        light = height / horizon
        base = bytes((int(70 + 170 * light), int(120 + 80 * light), int(200 - 80 * light)))
        row = bytearray(base * WIDTH)
        paint_sun(row, y)
        paint_hill(row, y, horizon)
        rows.append(bytes(row))
    return rows


def paint_sun(row, y, x=340, radius=34, centre=110):
    if abs(y - centre) < radius:
        half = int((radius ** 2 - (y - centre) ** 2) ** 0.5)
        row[3 * (x - half):3 * (x + half)] = bytes((255, 236, 170)) * (2 * half)


def paint_hill(row, y, horizon, x=150, width=260, height=120):
    depth = y - (horizon - height)
    if 0 < depth and y <= horizon:
        half = width * depth // (2 * height)
        row[3 * (x - half):3 * (x + half)] = bytes((40, 70 + depth // 3, 60)) * (2 * half)


def png_of(width, height, rows):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 6)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def with_orientation(jpeg, orientation):
    """The JPEG with an EXIF segment right after its start that has the orientation and nothing else."""
    tiff = b"MM\0*\0\0\0\x08" + b"\0\x01" + struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0) + b"\0\0\0\0"
    payload = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + jpeg[2:]
