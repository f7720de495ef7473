"""Reads gradflow's records and sweeps into NumPy arrays, while they run too. One file; needs NumPy alone, pandas for frames.

    import gradflow

    run = gradflow.load("runs/study-0123456789ab")
    run.series["loss"], run.descent["parameterGap"], run.theta          # arrays
    run.result["decay"], run.config["model"], run.status                # what the JSON files say
    run.of(0.05)["loss"]                                                # the rows of one learning rate
    run.frame("series")                                                 # a pandas DataFrame

    for new_rows in run.follow():                                       # until the run has ended
        print(run.series["t"][-1], run.series["loss"][-1])

    sweep = gradflow.load("runs/many")
    sweep.runs["seed-3"].series["loss"], sweep.results["loss"]

Cells that hold no value are NaN in columns of numbers and empty texts in columns of words.
"""
import csv
import json
import sys
import time
from pathlib import Path

import numpy as np

UNFINISHED = ("running", "failed", "interrupted", "diskFull")
# Columns of words, though every cell of them may be empty.
WORDS = ("kind", "side", "method", "lambdaMinKind", "lambdaMinMethod", "verdict", "verdictReason", "estimated")


def load(folder):
    """A Run or a Sweep, whichever lies there. Raises FileNotFoundError where the folder holds neither."""
    folder = Path(folder)
    if (folder / "sweep.json").exists():
        return Sweep(folder)
    return Run(folder)


class Run:
    """The record of one run, finished or not. Tables are read at their first use; `update` reads on."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self._tables = {}
        if _json(self.folder / "manifest.json") is None:
            raise FileNotFoundError(f"{folder}: is not a record (it has no manifest.json); name the folder of a run.")

    @property
    def manifest(self):
        manifest = _json(self.folder / "manifest.json")
        if manifest is None:
            raise FileNotFoundError(f"{self.folder}: the record has gone.")
        return manifest

    @property
    def files(self):
        """The folder of the tables: a run that replaces another has them apart until the old ones are gone."""
        return self.folder / ".gradflow-new" if "replaces" in self.manifest else self.folder

    @property
    def status(self):
        return self.manifest["status"]

    @property
    def done(self):
        """Whether it has ended for good. A run that was killed stays `running`."""
        return self.status not in UNFINISHED

    @property
    def result(self):
        """None until the run has ended."""
        return _json(self.files / "result.json")

    @property
    def config(self):
        """Complete, every default filled in."""
        return _json(self.files / "config.resolved.json") or {}

    @property
    def series(self):
        """The flow, one row a recorded time."""
        return self.table("series")

    @property
    def descent(self):
        """The descents, one row for each learning rate and compared step."""
        return self.table("descent")

    @property
    def theta0(self):
        return np.load(self.files / "theta0.npy")

    @property
    def theta(self):
        return np.load(self.files / "theta.npy")

    @property
    def tables(self):
        """The names of the tables that are there."""
        return sorted(path.stem for path in self.files.glob("*.csv"))

    def table(self, name):
        """A table as a dict of arrays by column; empty where there is none."""
        if name not in self._tables:
            self._tables[name] = _Table(name)
            self._tables[name].read(self.files)
        return self._tables[name].columns()

    def array(self, name):
        """A `.npy` file of the record: theta0, theta, pieces0."""
        return np.load(self.files / f"{name}.npy")

    def of(self, learning_rate, table="descent"):
        """The rows of one learning rate."""
        columns = self.table(table)
        chosen = columns["learningRate"] == learning_rate
        if not chosen.any():
            there = ", ".join(str(rate) for rate in np.unique(columns["learningRate"]))
            raise KeyError(f"{self.folder}: no row has the learning rate {learning_rate}; there are {there}.")
        return {name: values[chosen] for name, values in columns.items()}

    def frame(self, table="series"):
        """A table as a pandas DataFrame."""
        import pandas

        return pandas.DataFrame(self.table(table))

    def update(self):
        """Reads what was written since, in the tables used so far. Returns the number of new rows."""
        files = self.files
        return sum(table.read(files) for table in self._tables.values())

    def follow(self, seconds=1.0):
        """Yields the number of new rows of series.csv and the tables used so far whenever there are some, until the run has ended."""
        self.table("series")
        while True:
            done = self.done or self.status != "running"  # before reading, so that the last rows are not missed
            rows = self.update()
            if rows > 0:
                yield rows
            if done:
                return
            time.sleep(seconds)

    def __repr__(self):
        return f"<gradflow run {self.folder}: {self.status}>"


class Sweep:
    """The records of a sweep, by name; those that have not begun are left out."""

    def __init__(self, folder):
        self.folder = Path(folder)

    @property
    def manifest(self):
        return _json(self.folder / "sweep.json")

    @property
    def runs(self):
        jobs = self.manifest["jobs"]
        there = [job["name"] for job in jobs if (self.folder / job["name"] / "manifest.json").exists()]
        return {name: Run(self.folder / name) for name in there}

    @property
    def values(self):
        """What varies, by run: {"seed-3": {"seed": 3}, …}."""
        return {job["name"]: job["values"] for job in self.manifest["jobs"]}

    @property
    def results(self):
        """results.csv as arrays by column, one row a run; empty until the sweep has ended."""
        table = _Table("results")
        table.read(self.folder)
        return table.columns()

    def frame(self):
        """results.csv as a pandas DataFrame."""
        import pandas

        return pandas.DataFrame(self.results)

    def __repr__(self):
        return f"<gradflow sweep {self.folder}: {self.manifest['status']}, {len(self.manifest['jobs'])} runs>"


class _Table:
    """A CSV file that grows: every reading goes on at the byte where the last whole line ended."""

    BLOCK = 1 << 24

    def __init__(self, name):
        self.name = name
        self.words = set(WORDS)
        self._clear()

    def _clear(self):
        self.end, self.tail, self.names, self.parts = 0, b"", [], {}

    def read(self, folder):
        """Returns the number of new rows."""
        try:
            with open(Path(folder) / f"{self.name}.csv", "rb") as file:
                file.seek(max(0, self.end - len(self.tail)))
                if file.read(len(self.tail)) != self.tail:
                    self._clear()  # cut off, begun anew, or another file: all of it again
                file.seek(self.end)
                rows = 0
                rest = b""
                while block := file.read(self.BLOCK):
                    whole, end, rest = (rest + block).rpartition(b"\n")
                    if end:
                        rows += self._take(whole + end)
        except FileNotFoundError:
            self._clear()
            return 0
        except _Word as word:
            # A column turns out to hold words: what was read of it as numbers is read again.
            self.words.add(str(word))
            self._clear()
            return self.read(folder)
        return rows  # a last line without its end is being written, or was cut off by a kill

    def _take(self, text):
        self.end += len(text)
        self.tail = (self.tail + text)[-256:]
        rows = list(csv.reader(text.decode().split("\n")[:-1]))
        if not self.names:
            self.names = rows.pop(0)
            self.parts = {name: [] for name in self.names}
        for name, cells in zip(self.names, zip(*rows)):
            self.parts[name].append(self._column(name, cells))
        return len(rows)

    def _column(self, name, cells):
        if name in self.words:
            return np.array(cells, dtype=str)
        try:
            return np.array([float(cell) if cell else np.nan for cell in cells])
        except ValueError:
            raise _Word(name) from None

    def columns(self):
        for name, parts in self.parts.items():
            empty = np.array([], dtype=str if name in self.words else float)
            self.parts[name] = [np.concatenate(parts or [empty])]
        return {name: whole for name, [whole] in self.parts.items()}


class _Word(Exception):
    """A cell is no number; its column is one of words."""


def _json(path):
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python gradflow.py FOLDER    (of a run or a sweep)")
    found = load(sys.argv[1])
    print(found)
    if isinstance(found, Run):
        for name in found.tables:
            columns = found.table(name)
            print(f"{name}.csv: {len(next(iter(columns.values()), []))} rows of {', '.join(columns)}")
    else:
        for name, run in found.runs.items():
            print(f"{name}: {run.status}")
