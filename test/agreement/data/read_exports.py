"""What real readers find in exported files, as JSON: python read_exports.py npz|safetensors|tensorboard|record PATH"""
import json
import sys
from pathlib import Path


def bits(array):
    words = {"words": array.tolist()} if array.dtype.kind == "U" else {}
    return {"shape": list(array.shape), "dtype": str(array.dtype), "hex": array.tobytes().hex()} | words


kind, path = sys.argv[1:]
if kind == "npz":
    import numpy

    with numpy.load(path) as arrays:
        found = {name: bits(arrays[name]) for name in arrays}
elif kind == "safetensors":
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        found = {name: bits(file.get_tensor(name)) for name in file.keys()}
        found["metadata"] = file.metadata()
        for name, words in json.loads(file.metadata()["codes"]).items():
            found[name]["words"] = [words[code] for code in file.get_tensor(name)]
elif kind == "tensorboard":
    # The accumulator is what the TensorBoard server reads with; its reader checks every CRC.
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(path, size_guidance={"scalars": 0})
    events.Reload()
    found = {
        tag: [[event.step, event.wall_time, event.value] for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }
else:
    sys.path.insert(0, str(Path(__file__).parents[3] / "python"))
    from gradflow import load

    record = load(path)
    found = {
        "loss": bits(record.series["loss"]),
        "theta": bits(record.theta),
        "rate": record.result["decay"]["rate"],
        "hidden": record.config["model"]["hidden"],
    }
print(json.dumps(found))
