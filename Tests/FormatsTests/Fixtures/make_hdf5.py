#!/usr/bin/env python3
"""Writes HDF5 files beside this script with h5py: files that are read, and files whose elements are in other files or missing."""
import os
import h5py, numpy as np

os.chdir(os.path.dirname(os.path.abspath(__file__)))
# Most features that h5py can write, in the oldest version of the format, which is its default, and in the newest one that
# HDF5 1.10 reads: several kinds of chunks, texts of variable length, compound types, links.
for name in ("earliest", "v110"):
    with h5py.File(f"{name}.h5", "w", libver=(name, "v110")) as f:
        f.attrs["title"] = "made by h5py"
        f.attrs["fixed"] = np.bytes_("of so many bytes")
        f.attrs["texts"] = ["several", "texts"]
        f.attrs["numbers"] = np.arange(4.0)
        f.attrs.create("ragged", np.array([np.arange(2), np.arange(3)], dtype=object), dtype=h5py.vlen_dtype(np.int32))
        data = np.arange(60, dtype=np.float32).reshape(5, 4, 3) / 8
        f.create_dataset("model/a", data=data, chunks=(2, 4, 3), compression="gzip", shuffle=True)
        f.create_dataset("model/b", data=data[0].astype(">f8"), chunks=(2, 2), maxshape=(None, 3), fletcher32=True)
        f.create_dataset("model/c", data=data[0].astype(np.int16), chunks=(4, 3), scaleoffset=0)
        f.create_dataset("model/empty", shape=(0, 3), dtype=np.float32)
        f.create_dataset("n", data=np.array([7, -8], dtype=np.int32)).attrs["unit"] = "1"
        f.create_dataset("texts", data=["of", "variable", "length"], dtype=h5py.string_dtype())
        f.create_dataset("record", data=np.array([(1, 2.0)], dtype=[("i", np.int32), ("x", np.float64)]))
        f["kind"] = np.dtype([("i", np.int32), ("x", np.float64)])
        f["model/again"] = f["n"]
        f["soft"] = h5py.SoftLink("/n")

# Elements that were never written: all, one row of chunks, all of a compressed data set, and all with a fill value.
with h5py.File("never_written.h5", "w") as f:
    f.create_dataset("a", shape=(3, 2), dtype=np.float32, fillvalue=1.5)
    some = f.create_dataset("b", shape=(5, 4), dtype=np.float32, chunks=(2, 2), fletcher32=True)
    some[:4] = 1
    f.create_dataset("c", shape=(300, 300), dtype=np.float64, chunks=(100, 300), compression="gzip")
    f.create_dataset("n", shape=(4,), dtype=np.int64)

# Elements in other files. `fifo` is the name of a FIFO that a test creates.
with h5py.File("external.h5", "w") as f:
    f.create_dataset("a", shape=(3,), dtype=np.float32, external=[("make_hdf5.py", 0, 12)])
with h5py.File("links.h5", "w") as f:
    f["own"] = np.arange(3.0)
    f["group/images"], f["group/soft"] = h5py.ExternalLink("fifo", "/a"), h5py.SoftLink("/group/images")
with h5py.File("virtual.h5", "w", libver=("v110", "v110")) as f:
    layout = h5py.VirtualLayout(shape=(4, 3), dtype=np.float32, maxshape=(None, 3))
    layout[:h5py.h5s.UNLIMITED, :] = h5py.VirtualSource("fifo", "a", shape=(4, 3), dtype=np.float32, maxshape=(None, 3))[:h5py.h5s.UNLIMITED, :]
    f.create_virtual_dataset("a", layout)
