#!/usr/bin/env python3
"""Writes the fixtures beside this script with the real peers: PyTorch, safetensors, h5py and Pillow.

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
with h5py.File("external.h5", "w") as f:
    f.create_dataset("a", shape=(3,), dtype=np.float32, external=[("make_fixtures.py", 0, 12)])

y, x = np.mgrid[0:9, 0:12]
rgb = np.stack([x * 20, y * 28, (x + y) * 12], -1).astype(np.uint8)
Image.fromarray(rgb).save("rgb.png")
Image.fromarray(np.dstack([rgb, np.full((9, 12), 99, np.uint8)])).save("rgba.png")
Image.fromarray(rgb[..., 0]).save("grey.png")
Image.fromarray(rgb).quantize(32).save("palette.png")
Image.fromarray(rgb).save("rgb.jpg", quality=90)
Image.fromarray(rgb[..., 0]).save("grey.jpg", quality=90)
Image.fromarray(rgb).convert("CMYK").save("cmyk.jpg", quality=95)
progressive = io.BytesIO()
Image.fromarray(rgb).save(progressive, "jpeg", progressive=True)
body = progressive.getvalue()[:-2]
with open("scans.jpg", "wb") as f:  # the last scan 600 times
    f.write(body + body[body.rindex(b"\xff\xda"):] * 600 + b"\xff\xd9")
expected = {n: np.asarray(Image.open(n).convert("RGB")).reshape(-1) for n in ("palette.png", "rgb.jpg", "grey.jpg", "cmyk.jpg")}
for name, values in expected.items():
    values.astype(np.uint8).tofile(name + ".rgb")
