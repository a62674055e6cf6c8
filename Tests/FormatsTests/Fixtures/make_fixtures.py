#!/usr/bin/env python3
"""Writes the fixtures beside this script with the original libraries: PyTorch, safetensors, h5py and Pillow.

Every file of weights holds: a [2, 3] = 0, 0.5, …, 2.5 in float32; b [4] = 1, -2, 3, -4 in float64, as a slice of a larger
tensor where the format can; h [3] = 0.5, -1.5, 65504 in float16; bf [2] = 1, -0.0078125 in bfloat16; n = 7 in int64.
"""
import io, os, pickle
import h5py, numpy as np, torch
from PIL import Image
from safetensors.torch import save_file

os.chdir(os.path.dirname(os.path.abspath(__file__)))
large = torch.tensor([9.0, 1, 9, -2, 9, 3, 9, -4], dtype=torch.float64)
state = {
    "module.a": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 2,
    "module.b": large[1::2],
    "module.h": torch.tensor([0.5, -1.5, 65504], dtype=torch.float16),
    "module.bf": torch.tensor([1, -0.0078125], dtype=torch.bfloat16),
    "module.n": torch.tensor(7),
    "module.bn.num_batches_tracked": torch.tensor(12),
}
transposed = {"t": torch.arange(6, dtype=torch.float32).reshape(2, 3).t()}
for name, zipped in (("zip.pth", True), ("stream.th", False)):
    torch.save({"state_dict": state, "best_prec1": 91.5, "epoch": 3}, name, _use_new_zipfile_serialization=zipped)
torch.save(transposed, "transposed.pth")
plain = {k.removeprefix("module."): v.contiguous() for k, v in state.items() if "tracked" not in k}
save_file(plain, "weights.safetensors", metadata={"format": "pt"})


class Evil:
    def __reduce__(self):
        return (os.system, ("echo executed > executed",))


torch.save({"a": Evil()}, "hostile.pth")
torch.save({"a": Evil()}, "hostile.th", _use_new_zipfile_serialization=False)

with h5py.File("weights.h5", "w") as f:
    f.attrs["title"] = "made by h5py"
    f.create_dataset("group/a", data=np.arange(6, dtype=np.float32).reshape(2, 3) / 2, chunks=(1, 3), compression="gzip")
    f.create_dataset("group/b", data=np.array([1.0, -2, 3, -4]))
    f.create_dataset("h", data=np.array([0.5, -1.5, 65504], dtype=np.float16))
    f.create_dataset("n", data=np.array([7, -8], dtype=np.int32))
    f.create_dataset("scalar", data=2.5)
    f.create_dataset("text", data="passed over")

y, x = np.mgrid[0:9, 0:12]
rgb = np.stack([x * 20, y * 28, (x + y) * 12], -1).astype(np.uint8)
Image.fromarray(rgb).save("rgb.png")
Image.fromarray(np.dstack([rgb, np.full((9, 12), 99, np.uint8)])).save("rgba.png")
Image.fromarray(rgb[..., 0]).save("gray.png")
Image.fromarray(rgb).quantize(32).save("palette.png")
Image.fromarray(rgb).save("rgb.jpg", quality=90)
Image.fromarray(rgb[..., 0]).save("gray.jpg", quality=90)
Image.fromarray(rgb).convert("CMYK").save("cmyk.jpg", quality=95)
progressive = io.BytesIO()
Image.fromarray(rgb).save(progressive, "jpeg", progressive=True)
body = progressive.getvalue()[:-2]
with open("scans.jpg", "wb") as f:  # repeats the last scan 600 times
    f.write(body + body[body.rindex(b"\xff\xda"):] * 600 + b"\xff\xd9")
expected = {n: np.asarray(Image.open(n).convert("RGB")).reshape(-1) for n in ("palette.png", "rgb.jpg", "gray.jpg", "cmyk.jpg")}
for name, values in expected.items():
    values.astype(np.uint8).tofile(name + ".rgb")

# Rounding to float16 and bfloat16, including subnormal and overflowing numbers and ties.
x = torch.randn(300, generator=torch.Generator().manual_seed(0)) * torch.logspace(-9, 6, 300)
x = torch.cat([x, torch.tensor([0.0, -0.0, 65519, 65520, 2**-24, 2**-25, 3 * 2**-25, 1 + 2**-11, 1 + 3 * 2**-11, 3.3e38])])
save_file({"x": x, "half": x.half(), "bfloat16": x.bfloat16()}, "halves.safetensors")

# Images of every color type and depth of PNG; Pillow reads all of them but writes only a few.
import struct, zlib


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def interlaced(rows, size):  # size: bytes per pixel
    for x, y, dx, dy in ADAM7:
        for row in rows[y::dy]:
            yield b"".join([row[i:i + size] for i in range(0, len(row), size)][x::dx])


def png(name, kind, depth, rows, extra=b"", pixel=0):
    def chunk(tag, data):
        return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))

    packed = b"".join(b"\0" + row for row in (interlaced(rows, pixel) if pixel else rows))
    head = struct.pack(">IIBBBBB", 12, 9, depth, kind, 0, 0, 1 if pixel else 0)
    with open(name, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(packed)) + chunk(b"IEND", b""))


def bits(values, depth):
    text = "".join(format(int(v), f"0{depth}b") for v in values)
    return int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8), "big")


gray = rgb[..., 0].astype(int)
wide = rgb.astype(int) * 257 - (rgb > 0) * 100
palette = struct.pack(">I", 48) + b"PLTE" + bytes(range(48))
palette += struct.pack(">I", zlib.crc32(palette[4:]))
transparent = struct.pack(">I", 2) + b"tRNS" + bytes([0, 128])
transparent += struct.pack(">I", zlib.crc32(transparent[4:]))
kinds = {}
for depth in (1, 2, 4):
    kinds[f"gray{depth}"] = (0, depth, [bits(row >> (8 - depth), depth) for row in gray])
    kinds[f"palette{depth}"] = (3, depth, [bits(row % min(16, 1 << depth), depth) for row in gray], palette + transparent)
kinds["grey16"] = (0, 16, [wide[i, :, 0].astype(">u2").tobytes() for i in range(9)])
kinds["greyalpha8"] = (4, 8, [np.stack([gray[i], 255 - gray[i]], -1).astype(np.uint8).tobytes() for i in range(9)])
kinds["rgb16"] = (2, 16, [wide[i].astype(">u2").tobytes() for i in range(9)])
kinds["rgba16"] = (6, 16, [np.dstack([wide, wide[..., :1]])[i].astype(">u2").tobytes() for i in range(9)])
# An interlaced image, and one with a gamma, which Pillow ignores.
kinds["rgb8interlaced"] = (2, 8, [row.tobytes() for row in rgb], b"", 3)
kinds["rgb16interlaced"] = (2, 16, kinds["rgb16"][2], b"", 6)
kinds["rgba16interlaced"] = (6, 16, kinds["rgba16"][2], b"", 8)
gamma = struct.pack(">I", 4) + b"gAMA" + struct.pack(">I", 100000)
gamma += struct.pack(">I", zlib.crc32(gamma[4:]))
kinds["rgb8gamma"] = (2, 8, [row.tobytes() for row in rgb], gamma)
kinds["rgb16gamma"] = (2, 16, kinds["rgb16"][2], gamma)
colors = {}
for name, kind in kinds.items():
    png("kind.png", *kind)
    with open("kind.png", "rb") as f:
        colors[name] = torch.tensor(list(f.read()), dtype=torch.uint8)
    image = Image.open("kind.png")
    if name == "grey16":  # when converting these to RGB, Pillow clips at 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    colors[name + ".rgb"] = torch.tensor(np.asarray(image.convert("RGB")).copy())
os.remove("kind.png")
# Exif orientations.
from PIL import ImageOps

for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    held = io.BytesIO()
    Image.fromarray(rgb).save(held, "jpeg", quality=95, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(held))
    colors[f"exif{orientation}"] = torch.tensor(list(held.getvalue()), dtype=torch.uint8)
    colors[f"exif{orientation}.rgb"] = torch.tensor(np.asarray(upright.convert("RGB")).copy())
save_file(colors, "images.safetensors")
