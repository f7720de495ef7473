"""Reads a gradflow record with NumPy alone:  python read_record.py runs/study-0123456789ab

    record = read_record("runs/study-0123456789ab")
    record["series"]["loss"], record["theta"], record["result"]["decay"], record["config"]["model"]
"""
import json
import sys
from pathlib import Path
import numpy as np

def read_record(folder):
    """JSON files as dicts, tables as dicts of arrays by column, .npy files as arrays, each by the first word of its name."""
    folder = Path(folder)
    record = {path.name.split(".")[0]: json.loads(path.read_text()) for path in folder.glob("*.json")}
    for path in folder.glob("*.csv"):
        whole = path.read_text().rpartition("\n")[0]  # a last line without its end was cut off by a kill
        names, *rows = (line.split(",") for line in whole.split("\n"))
        record[path.stem] = {name: column([row[k] for row in rows]) for k, name in enumerate(names)}
    return record | {path.stem: np.load(path) for path in folder.glob("*.npy")}

def column(cells):
    """Numbers where all cells are numbers or empty (NaN), else words."""
    try:
        return np.array([float(cell) if cell else np.nan for cell in cells])
    except ValueError:
        return np.array(cells)

if __name__ == "__main__":
    for name, value in read_record(sys.argv[1]).items():
        print(name, value.shape if isinstance(value, np.ndarray) else sorted(value))
