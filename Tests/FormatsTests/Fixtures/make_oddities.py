"""PNGs and JPEGs with oddities and damage, and Pillow's results for them: run in this folder, with Pillow and safetensors.

Each variant has its bytes and a verdict: 0 if Pillow refuses it, 1 if its pixels are those of "clean", 2 if it has other
pixels, which are then stored as ".rgb".
"""
import io
import struct
import zlib

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

WIDTH, HEIGHT = 24, 16
y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
noise = np.random.RandomState(3).randint(-30, 30, (HEIGHT, WIDTH, 3))
rgb = np.clip(np.stack([x * 10, y * 15, x * 5 + y * 7], -1) + noise, 0, 255).astype(np.uint8)


def jpeg(**options):
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "jpeg", quality=80, subsampling=0, **options)
    return file.getvalue()


def pixels(data):
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
        return np.asarray(image.convert("RGB")).copy()
    except Exception:
        return None


def segments(data):
    found, at = {}, 2
    while True:
        length = struct.unpack(">H", data[at + 2:at + 4])[0]
        found.setdefault(data[at + 1], (at, at + 2 + length))
        at += 2 + length
        if data[at - length - 1] == 0xDA:
            return found, at


def put(data, at, what):
    return data[:at] + what + data[at:]


def changed(data, at, what):
    return data[:at] + what + data[at + len(what):]


clean, progressive, restarts = jpeg(), jpeg(progressive=True), jpeg(restart_marker_blocks=1)
seg, scan = segments(clean)
app0, frame, start = seg[0xE0], seg[0xC0], seg[0xDA]
adobe = b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0"
marks = [i for i in range(len(restarts) - 1) if restarts[i] == 0xFF and 0xD0 <= restarts[i + 1] <= 0xD7]
scans = [i for i in range(len(progressive) - 1) if progressive[i:i + 2] == b"\xff\xda"]
variants = {
    "clean.jpg": clean,
    # Harmless oddities.
    "stray after a segment": put(clean, app0[1], b"\x00\x11"), "stray before the scan": put(clean, start[0], b"abc"),
    "stray ff00": put(clean, start[0], b"\xff\x00\x12"), "fill": put(clean, start[0], b"\xff\xff\xff"),
    "stray before the end": put(clean, len(clean) - 2, b"\x12\x34\x56"),
    "zeros before the end": put(clean, len(clean) - 2, bytes(40)), "trailing": clean + b"junk" * 9,
    "trailing image": clean + progressive, "two ends": clean + b"\xff\xd9", "jfif 2": changed(clean, app0[0] + 9, b"\2"),
    "app5": put(clean, 2, b"\xff\xe5\x00\x10" + b"\1" * 14), "comment": put(clean, 2, b"\xff\xfe\x00\x06abcd"),
    "no exif": put(clean, 2, b"\xff\xe1\x00\x10Exif\0\0garbage!"),
    "short jfif": clean[:2] + b"\xff\xe0\x00\x04ab" + clean[app0[1]:], "no jfif": clean[:2] + clean[app0[1]:],
    "adobe rgb": clean[:2] + adobe + b"\0" + clean[app0[1]:], "adobe ycc": clean[:2] + adobe + b"\1" + clean[app0[1]:],
    "adobe 7": clean[:2] + adobe + b"\7" + clean[app0[1]:], "restarts": restarts, "progressive": progressive,
    "wrong restart": changed(restarts, marks[1] + 1, b"\xd4"), "stray before a restart": put(restarts, marks[1], b"\x12\x34"),
    "spectral end": changed(clean, start[1] - 2, b"\0"), "approximation": changed(clean, start[1] - 1, b"\1"),
    "huffman twice": put(clean, start[0], clean[seg[0xC4][0]:seg[0xC4][1]]),
    # Damaged pixels that Pillow accepts.
    "ends within": clean[:scan + 100] + b"\xff\xd9", "end within": put(clean, scan + 100, b"\xff\xd9"),
    "zeros within": changed(clean, scan + 80, bytes(30)), "deleted within": clean[:scan + 80] + clean[scan + 120:],
    "marker within": put(clean, scan + 80, b"\xff\xd3"), "restart gone": restarts[:marks[1]] + restarts[marks[1] + 2:],
    "block gone": restarts[:marks[1]] + restarts[marks[2]:], "scans gone": progressive[:scans[1]] + b"\xff\xd9",
    "taller": changed(clean, frame[0] + 5, struct.pack(">H", 32)),
    # Broken files.
    "no end": clean[:-2], "half an end": clean[:-1], "cut": clean[:-10], "half": clean[:scan + 100], "head": clean[:scan - 3],
    "progressive no end": progressive[:-2], "progressive cut": progressive[:len(progressive) * 2 // 3],
    "restarts no end": restarts[:-2], "no tables": clean[:seg[0xDB][0]] + clean[seg[0xDB][1]:],
    "precision": changed(clean, frame[0] + 4, b"\x0c"), "no height": changed(clean, frame[0] + 5, b"\0\0"),
    "leading zero": b"\0" + clean,
}


def chunk(name, data, check=None):
    check = zlib.crc32(name + data) if check is None else check
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)


raw = b"".join(b"\0" + row.tobytes() for row in rgb)
packed = zlib.compress(raw)
END = chunk(b"IEND", b"")


def png(before=b"", after=END, data=packed, parts=1, check=None, head_check=None, interlace=0):
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, interlace)
    cuts = [data[len(data) * i // parts:len(data) * (i + 1) // parts] for i in range(parts)]
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head, head_check) + before
            + b"".join(chunk(b"IDAT", cut, check) for cut in cuts) + after)


PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
woven = zlib.compress(b"".join(b"\0" + row[x::dx].tobytes() for x, y, dx, dy in PASSES for row in rgb[y::dy]))
text = b"a\0b"
variants |= {
    "clean.png": png(), "three chunks": png(parts=3), "unknown": png(chunk(b"abCd", b"xyz")),
    "pixels' check": png(check=1), "all pixels' checks": png(check=1, parts=3), "no iend": png(after=b""),
    "junk after": png() + b"junk" * 9, "end's check": png(after=chunk(b"IEND", b"", 1)), "end cut": png()[:-3],
    "text's check after": png(after=chunk(b"tEXt", text, 1) + END), "check cut": png(after=b"")[:-2],
    "check gone": png(after=b"")[:-4], "sum gone": png(data=packed[:-4]), "sum half": png(data=packed[:-2]),
    "more packed": png(data=packed + b"more"), "more pixels": png(data=zlib.compress(raw + bytes(50))),
    "interlaced": png(data=woven, interlace=1), "interlaced no end": png(data=woven, interlace=1, after=b"")[:-4],
    "profile without sense": png(chunk(b"iCCP", b"x\0\0garbage")), "transparency too long": png(chunk(b"tRNS", bytes(9))),
    "text's check": png(chunk(b"tEXt", text, 1)), "unknown's check": png(chunk(b"abCd", b"xyz", 1)),
    "gamma's check": png(chunk(b"gAMA", struct.pack(">I", 45455), 1)), "head's check": png(head_check=1),
    "sum wrong": png(data=packed[:-1] + bytes([packed[-1] ^ 1])), "fewer pixels": png(data=zlib.compress(raw[:-40])),
    "a byte fewer": png(data=zlib.compress(raw[:-1])), "interlaced fewer": png(data=woven[:-30], interlace=1),
    "split": png(data=packed[:60], after=chunk(b"tEXt", text) + chunk(b"IDAT", packed[60:]) + END),
    "filter": png(data=zlib.compress(b"\x09" + raw[1:])), "packed wrong": png(data=changed(packed, 40, b"\xff\xff")),
    "half a png": png()[:300], "leading zero.png": b"\0" + png(),
}

tensors = {}
for name, data in variants.items():
    found = pixels(data)
    expected = rgb if b"IHDR" in data[:32] else pixels(clean)
    verdict = 0 if found is None else 1 if found.shape == expected.shape and (found == expected).all() else 2
    tensors[name] = torch.tensor(list(data), dtype=torch.uint8)
    tensors[name + ".verdict"] = torch.tensor([verdict], dtype=torch.uint8)
    if verdict == 2 or name.startswith("clean"):
        tensors[name + ".rgb"] = torch.tensor(found)
    print(verdict, name)
save_file(tensors, "oddities.safetensors")
