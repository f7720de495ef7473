"""Follows a record until it has ended; a line for every number of new rows, then what there is as JSON."""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "python"))
import gradflow

run = gradflow.load(sys.argv[1])
print("before", len(run.series["t"]), flush=True)
for rows in run.follow(seconds=0.05):
    print("new", rows, flush=True)
print("after", json.dumps({"status": run.status, "loss": [value.hex() for value in run.series["loss"].tolist()]}), flush=True)
