"""Reads a gradflow record with NumPy alone:  python read_record.py runs/study-0123456789ab

    record = read_record("runs/study-0123456789ab")
    record["series"]["loss"], record["theta"], record["result"]["decay"], record["config"]["model"]
"""
import json
import sys
from pathlib import Path

import numpy as np


def read_record(folder):
    """Everything in a record: JSON files as dicts, tables as dicts of arrays by column, .npy files as arrays."""
    folder = Path(folder)
    names = {"manifest": "manifest.json", "config": "config.resolved.json", "result": "result.json"}
    record = {key: json.loads((folder / file).read_text()) for key, file in names.items() if (folder / file).exists()}
    for path in folder.glob("*.csv"):
        text = path.read_text()
        lines = text[: text.rfind("\n") + 1].splitlines()  # a line without its end was cut off by a kill
        rows = [line.split(",") for line in lines[1:]]
        record[path.stem] = {name: column([row[k] for row in rows]) for k, name in enumerate(lines[0].split(","))}
    record.update({path.stem: np.load(path) for path in folder.glob("*.npy")})
    return record


def column(cells):
    """Numbers where all cells are numbers or empty (NaN), else words."""
    try:
        return np.array([float(cell) if cell else np.nan for cell in cells])
    except ValueError:
        return np.array(cells)


if __name__ == "__main__":
    for name, value in read_record(sys.argv[1]).items():
        print(name, value.shape if isinstance(value, np.ndarray) else sorted(value))
