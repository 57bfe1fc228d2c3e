"""The benchmarks' programs and kernels, and the tables that they put into the documentation."""

import re
from pathlib import Path

import pytest
from test_benchmarks import example_results

import minigrad
from benchmarks import kernels, pages, plots, results
from benchmarks.processes import Worker
from benchmarks.worker import Context
from benchmarks.workloads import TOLERANCE

ROOT = Path(__file__).parents[1]


# The documentation's measured parts
def test_the_pages_hold_what_the_files_they_name_hold(tmp_path):
    """`python -m benchmarks pages` with the files that the pages name changes nothing."""
    folder = results.FOLDER
    for name in pages.PAGES:
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        blocks = list(pages.BLOCK.finditer(text))
        named = [re.findall(r"`results/([\w.-]+\.json)`", block[0]) for block in blocks]
        assert len(blocks) > 2, name
        for block, files in zip(blocks, named):
            assert files or "Not measured yet" in block[0], f"{name}: {block[2]}"
            found = [(file, results.load(str(folder / file))) for file in files]
            assert pages.page(block[0], found) == block[0], f"{name}: {block[2]}"


def test_the_pages_tables_are_made_of_the_last_measurement():
    old, new = example_results(), example_results()
    for record in new["results"]:
        for ratio in record.get("ratios", {}).values():
            ratio["ratio"] = 0.5
    names = [name for name in pages.TABLES if name != "tape"]
    text = "".join(f"<!-- measured: {name} -->\nold\n<!-- end -->\n" for name in names)
    made = pages.page(text, [("a.json", old), ("b.json", new)])
    assert "old" not in made and made.count("`results/b.json`") == 6 and "a.json" not in made
    assert "| 0.50 [" in made and "linear forward" in made and "| matmul 128 | copy |" in made
    assert pages.page(made, [("a.json", old), ("b.json", new)]) == made
    nothing = pages.page("<!-- measured: jobs -->\nold\n<!-- end -->", [("a.json", {"results": []})])
    assert "Not measured yet: `python -m benchmarks --part jobs steps`" in nothing and "old" not in nothing
    with pytest.raises(results.ResultError, match="'speed', which is none of steps"):
        pages.page("<!-- measured: speed -->\n\n<!-- end -->", [("a.json", old)])


# Programs and kernels
@pytest.mark.parametrize("job", [{"function": "benchmarks.jobs:train", "model": "cnn", "dtype": "float64"},
                                 {"function": "benchmarks.jobs:train", "model": "mlp", "dtype": "float32"}])
def test_an_epoch_of_a_program_is_the_same_on_both_libraries(job):
    losses = []
    for backend in ("numpy", "torch"):
        with Worker(backend, 1) as worker:
            assert worker.ask("benchmarks.worker:set_up", label="job", **job) == {"samples": 1438}
            losses.append(worker.ask("benchmarks.worker:check", label="job"))
    assert len(losses[0]) == 5 and losses[0] == pytest.approx(losses[1], rel=TOLERANCE[job["dtype"]])


def test_kernels_are_measured_with_their_operations_and_bytes(monkeypatch):
    monkeypatch.setattr(kernels, "SECONDS", 0.0)
    monkeypatch.setattr(kernels, "CALLS", 1)
    context = Context(minigrad, "numpy")
    found = kernels.measured(context, "float32", 1)
    rows = {row["kernel"]: row for row in found["kernels"]}
    assert rows["matmul 128"]["flops"] == 2 * 128**3 and rows["matmul 128"]["bytes"] == 3 * 4 * 128**2
    convolutions = [row["flops"] for name, row in rows.items() if name.endswith(("patches", "tiles"))]
    assert convolutions == [2 * 16 * 64 * 32 * 32 * 64 * 9] * 6
    assert {plots.group_of(name) for name in rows} == set(plots.GROUPS)
    assert min(found["peaks"].values()) > 0 and all(row["seconds"] > 0 for row in rows.values())
    with pytest.raises(NotImplementedError):
        kernels.measured(Context(None, "torch"), "float32", 1)
