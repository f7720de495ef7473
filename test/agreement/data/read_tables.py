"""What gradflow.py makes of tables that are cut off, quoted, grown or replaced: JSON."""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "python"))
import gradflow

folder = Path(sys.argv[1])
run = gradflow.load(folder)
table = folder / "extra.csv"
seen = {}


def look(name):
    seen[name] = {"rows": run.update(), "columns": {key: values.tolist() for key, values in run.table("extra").items()}}


table.write_text("t,note\n0,\n1,2\n2,3.5")
run.table("extra")
look("torn")
with open(table, "a") as file:
    file.write("\n3,7\n")
look("grown")
with open(table, "a") as file:
    file.write('4,"a ""b"", c"\n')
look("words")
table.write_text("t,note\n9,9\n")
look("replaced")
table.unlink()
look("gone")
seen["of"] = len(run.of(0.5)["loss"])
try:
    run.of(0.7)
except KeyError as error:
    seen["unknown"] = str(error)
try:
    gradflow.load(folder / "figures-none")
except FileNotFoundError as error:
    seen["none"] = str(error)
print(json.dumps(seen).replace("NaN", "null"))
