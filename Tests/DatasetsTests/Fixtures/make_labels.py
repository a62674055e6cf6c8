"""Writes HDF5 files with labels and class names of all kinds, and a photograph of a white box: run in this folder, with h5py and
Pillow."""
import h5py
import numpy as np
from PIL import Image

images = np.arange(6 * 2 * 3 * 3, dtype=np.uint8).reshape(6, 2, 3, 3)
numbers = np.array([0, 1, 0, 1, 1, 0])
with h5py.File("labels.h5", "w") as file:
    file["images"] = images
    file["column"] = numbers[:, None]
    file["cube"] = numbers[:, None, None, None].astype(np.uint8)
    file["truth"] = numbers == 1
    file["fractions"] = numbers.astype(np.float32)
    file["fraction column"] = numbers[:, None].astype(np.float64)
    file["bytes"] = numbers.astype(np.int8)
    file["wide"] = np.array([0, 11, 3, 1, 1, 0], dtype=np.uint64)
    file["half"] = np.array([0, 1, 0.5, 1, 1, 0])
    file["negative"] = numbers - 1
    file["huge"] = numbers << 40
    file["one-hot"] = np.eye(2, dtype=np.uint8)[numbers]
    file["texts"] = np.array([b"cat"] * 6)

names = ["cat", "a dog", "grüne Öl-Ente"]
plain = ["cat", "a dog", "owl"]
kinds = {
    "list": lambda file: file.attrs.create("class_names", names, dtype=h5py.string_dtype()),
    "bytes": lambda file: file.attrs.create("class_names", np.array([name.encode() for name in names])),
    "ascii": lambda file: file.attrs.create("class_names", plain, dtype=h5py.string_dtype("ascii")),
    "set": lambda file: file.create_dataset("class_names", data=names, dtype=h5py.string_dtype()),
    "set-bytes": lambda file: file.create_dataset("class_names", data=np.array([name.encode() for name in names])),
    "column": lambda file: file.attrs.create("class_names", np.array(plain, dtype="S")[:, None]),
    "crlf": lambda file: file.attrs.create("class_names", "\r\n".join(plain) + "\r\n"),
    "cr": lambda file: file.attrs.create("class_names", "\r".join(plain)),
    "one": lambda file: file.attrs.create("class_names", np.bytes_("\n".join(plain))),
}
for kind, write in kinds.items():
    with h5py.File(f"names-{kind}.h5", "w") as file:
        file["images"], file["labels"] = images, numbers
        write(file)

for name, width in ("photo", 24), ("square", 16):
    pixels = np.zeros((16, width, 3), np.uint8)
    pixels[2:12, 3:9] = 255
    Image.fromarray(pixels).save(f"{name}.jpg", quality=100, subsampling=0)
