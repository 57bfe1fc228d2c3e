"""The benchmarks' harness, on candidates whose times are made up: what it must find, and what it must not."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import cli, compare, intervals, measure, report, results
from benchmarks.backends import BACKENDS, reference_of, variants
from benchmarks.processes import Worker, WorkerError
from benchmarks.timing import UnsynchronisedTimer, time_blocks
from benchmarks.workloads import TOLERANCE, WORKLOADS

ROOT = Path(__file__).parents[1]
PLAN = measure.Plan(pause=0)


class Machine:
    """Makes up turns like a shared machine's: every launch has its own level, and some turns are hit."""

    def __init__(self, seed, launch_noise=0.01, turn_noise=0.02, hits=0.05):
        self.random = np.random.default_rng(seed)
        self.launch_noise, self.turn_noise, self.hits = launch_noise, turn_noise, hits

    def open(self, name, seconds, losses=(2.3, 2.2)):
        return measure.Candidate(name, lambda: Fake(self, seconds, losses))


class Fake:
    """A candidate's session: its level is drawn when it is started, as a process's memory layout is."""

    def __init__(self, machine, seconds, losses):
        self.machine, self.losses = machine, list(losses)
        self.seconds = seconds * np.exp(machine.random.normal(0, machine.launch_noise))
        self.open, self.prepared = True, False

    def check(self):
        return self.losses

    def prepare(self):
        self.prepared = True

    def turn(self):
        assert self.prepared and self.open
        random = self.machine.random
        hit = random.uniform(1.1, 2.0) if random.random() < self.machine.hits else 1.0
        return float(self.seconds * np.exp(random.normal(0, self.machine.turn_noise)) * hit)

    def close(self):
        self.open = False


def run(machine, numpy_seconds, torch_seconds=1e-3, numpy_losses=(2.3, 2.2), control=False, plan=None):
    candidates = [machine.open("numpy", numpy_seconds, numpy_losses), machine.open("torch", torch_seconds)]
    watch = (lambda: Fake(machine, 1e-3, ())) if control else None
    record = measure.measure(candidates, plan or PLAN, watch, TOLERANCE["float32"])
    record |= {"part": "steps", "task": "fake", "threads": 1, "skipped": {}, "failed": {}}
    measure.add_ratios(record, goal=1.0)
    return record


def saved(record):
    return {"format": results.FORMAT, "environment": {"cpu": "made up"}, "results": [record]}


# What must be found, and what must not
@pytest.mark.parametrize(("slowdown", "verdict"), [(1.1, "slower"), (1 / 1.1, "faster")])
def test_a_planted_slowdown_of_ten_percent_is_found(slowdown, verdict):
    found = [run(Machine(seed), slowdown * 1e-3)["ratios"]["numpy"] for seed in range(50)]
    assert [ratio["verdict"] for ratio in found] == [verdict] * 50
    assert all(abs(ratio["ratio"] / slowdown - 1) < 0.05 for ratio in found)


def test_two_runs_of_the_same_code_are_not_called_different():
    found = [run(Machine(seed), 1e-3)["ratios"]["numpy"] for seed in range(100)]
    assert [ratio["verdict"] for ratio in found if ratio["verdict"] != "no difference shown"] == []


def test_between_files_a_planted_slowdown_is_found_and_the_same_code_is_not_called_different():
    for seed in range(25):
        # The second day's machine is 1.7 × slower for everybody: that is no regression.
        old, same = run(Machine(seed), 0.5e-3), run(Machine(seed + 1000), 0.85e-3, 1.7e-3)
        slower = run(Machine(seed + 2000), 0.5e-3 * 1.1 * 1.7, 1.7e-3)
        table, worse = compare.compare(saved(old), saved(same))
        assert not worse and "SLOWER" not in str(table.rows)
        table, worse = compare.compare(saved(old), saved(slower))
        assert worse and [row[-1] for row in table.rows if row[1] == "numpy"] == ["SLOWER"]


def test_a_wrong_loss_suppresses_the_ratio():
    record = run(Machine(0), 0.5e-3, numpy_losses=(2.3, 2.2 * 1.01))
    assert record["ratios"] == {} and all("median" not in own for own in record["candidates"].values())
    assert "value 2 is 2.222 from numpy and 2.2 from torch" in record["disagreement"]
    assert report.failed(record)
    table = report.table_of("steps", [record], "")
    assert "×" not in str(table.rows) and any("RESULTS DIFFER" in note for note in table.notes)
    assert (
        run(Machine(0), 0.5e-3, numpy_losses=(2.3, 2.2 * 1.00001))["ratios"]["numpy"]["verdict"] == "faster"
    )


@pytest.mark.parametrize("losses", [(2.3, float("nan")), (2.3,), (2.3, float("inf")), ()])
def test_losses_that_are_no_losses_agree_with_nothing(losses):
    assert run(Machine(0), 0.5e-3, numpy_losses=losses)["disagreement"]


class Device:
    """Work is handed over at once and done later, as on a GPU; the clock is made up too."""

    def __init__(self):
        self.now = self.ready = 0.0

    def clock(self):
        return self.now

    def step(self):
        self.now += 1e-5
        self.ready = max(self.ready, self.now) + 2e-3

    def wait(self, _=None):
        self.now = max(self.now, self.ready) + 1e-5


def test_a_timer_waits_for_the_device():
    device = Device()
    times = time_blocks(device.step, 20, 3, device.wait, device.wait, device.clock)
    assert times == pytest.approx([2e-3] * 3, rel=0.01)


@pytest.mark.parametrize("steps", [1, 20])
def test_an_unsynchronised_timer_fails(steps):
    device = Device()
    with pytest.raises(UnsynchronisedTimer, match="the device is not waited for"):
        time_blocks(device.step, steps, 3, lambda: None, device.wait, device.clock)


def test_a_hiccup_of_the_machine_is_no_unsynchronised_timer():
    device, reads = Device(), []

    def finish(result):
        reads.append(result)
        device.now += 5.0 if len(reads) == 1 else 0.0  # the machine was busy elsewhere for a moment
        device.wait()

    times = time_blocks(device.step, 1, 1, device.wait, finish, device.clock)
    assert len(times) == 2 and times == pytest.approx([2e-3] * 2, rel=0.02)


# Turns, statistics
def test_candidates_take_turns_with_the_control_before_each():
    order = []

    class Noted(Fake):
        def turn(self):
            order.append(self.losses[0])
            return super().turn()

    machine = Machine(0)
    candidates = [measure.Candidate(name, lambda name=name: Noted(machine, 1e-3, [name])) for name in "AB"]
    measure.measure(candidates, measure.Plan(4, 2, pause=0), lambda: Noted(machine, 1e-3, ["c"]))
    assert "".join(order) == "cAcB" * 4


def test_sessions_are_closed_when_one_fails():
    opened = []

    class Broken(Fake):
        def __init__(self, *args):
            super().__init__(*args)
            opened.append(self)

        def turn(self):
            raise measure.WorkerError("the process died")

    machine = Machine(0)
    candidates = [measure.Candidate(name, lambda: Broken(machine, 1e-3, [1.0])) for name in "AB"]
    with pytest.raises(measure.WorkerError):
        measure.measure(candidates, measure.Plan(2, 1, pause=0))
    assert len(opened) == 2 and not any(session.open for session in opened)


def test_a_noisy_machine_is_named_and_a_quiet_one_is_not():
    quiet = run(Machine(0, hits=0.0), 1e-3, control=True)["control"]
    noisy = run(Machine(0, turn_noise=0.1, hits=0.3), 1e-3, control=True)
    assert not quiet["noisy"] and noisy["control"]["noisy"]
    assert any("NOISY MACHINE" in remark for remark in report.remarks([noisy]))


def test_a_control_that_differs_between_candidates_is_named():
    first = [[1.0, 1.01, 0.99] * 3] * 3
    second = [[1.05, 1.06, 1.04] * 3] * 3
    said = intervals.noise(first + second, (first, second))
    assert said["noisy"] and "before candidate 2" in said["reasons"][0]


@pytest.mark.parametrize(("low", "high", "verdict"), [
    (0.5, 0.97, "faster"), (0.9, 0.99, "no difference shown"), (0.9, 1.1, "no difference shown"),
    (1.01, 1.3, "no difference shown"), (1.03, 1.3, "slower"),
])  # fmt: skip
def test_no_winner_where_the_interval_touches_one(low, high, verdict):
    assert intervals.Ratio((low + high) / 2, low, high).verdict == verdict


def test_goals_are_met_missed_or_open():
    ratio = intervals.Ratio(0.5, 0.45, 0.55)
    assert [ratio.against(goal) for goal in (0.6, 0.5, 0.4)] == ["met", "open", "missed"]


def test_the_interval_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(1)
    covered = 0
    for seed in range(200):
        a, b = random.normal(1, 0.03, (2, 1, 25))  # one launch: the level is known for independent turns
        ratio = intervals.paired_ratio((0.8 * a).tolist(), b.tolist(), resamples=500, seed=seed)
        covered += ratio.low <= 0.8 <= ratio.high
    assert covered >= 0.9 * 200


def test_series_that_did_not_take_turns_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        intervals.paired_ratio([[1.0, 2.0]], [[1.0]])


# Settings of the libraries
def test_torch_is_tried_with_every_setting_it_may_be_best_at():
    assert len(variants(BACKENDS["torch"], images=True, optimizer=True)) == 6
    assert len(variants(BACKENDS["torch"], images=False, optimizer=True)) == 3
    assert variants(BACKENDS["numpy"], images=True, optimizer=True) == [{}]


def test_each_backend_is_compared_with_torch_on_its_own_device():
    assert reference_of("numpy", ["numpy", "torch", "torch-cuda"]) == "torch"
    assert reference_of("cupy", ["numpy", "cupy", "torch", "torch-cuda"]) == "torch-cuda"
    assert reference_of("cupy", ["numpy", "cupy"]) == "numpy"
    assert reference_of("torch", ["numpy", "torch"]) is None


def test_data_of_every_workload_is_the_same_each_time():
    for workload in WORKLOADS.values():
        first, again = workload.data(4, "float32"), workload.data(4, "float32")
        assert all(np.array_equal(a, b) for a, b in zip(first, again))
        assert len(first[0]) == 4 and first[1].max() < max(workload.classes, workload.vocabulary)


# Result files and the command line
@pytest.mark.parametrize(("arguments", "text"), [
    (["--workload", "lenet"], "argument --workload: invalid choice: 'lenet'"),
    (["--part", "speed"], "argument --part: invalid choice: 'speed'"),
    (["--backend", "jax"], "argument --backend: invalid choice: 'jax'"),
    (["--batch", "0"], "argument --batch: '0' is not a whole number of at least 1"),
    (["--threads", "two"], "argument --threads: 'two' is not a whole number of at least 1"),
    (["--threads", "1000000"], "--threads 1000000: this process may use"),
    (["--rounds", "-3"], "argument --rounds: '-3' is not a whole number of at least 1"),
    (["--dtype", "int8"], "argument --dtype: invalid choice: 'int8'"),
    (["--json", "no/such/folder/a.json"], "--json no/such/folder/a.json: there is no folder no/such/folder"),
    (["--json", "."], "--json .: is a folder"),
    (["--speed"], "unrecognized arguments: --speed"),
    (["compare", "a.json"], "the following arguments are required: NEW.json"),
    (["compare", "no-such.json", "a.json"], "no-such.json: No such file or directory"),
    (["compare", __file__, __file__], "not a JSON file"),
])  # fmt: skip
def test_wrong_arguments_give_one_line_and_exit_code_2(arguments, text, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    try:
        code = cli.main(arguments)
    except SystemExit as left:
        code = left.code
    output, errors = capsys.readouterr()
    assert code == 2 and output == ""
    assert errors.startswith("python -m benchmarks: ") and errors.count("\n") == 1 and text in errors


def test_a_backend_that_is_not_installed_is_named(capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.backends.find_spec", lambda name: None)
    assert cli.main(["--backend", "torch"]) == 2
    assert capsys.readouterr().err == "python -m benchmarks: --backend torch: torch is not installed\n"


def test_help_names_every_workload_and_part(capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["--help"])
    shown = capsys.readouterr().out
    assert left.value.code == 0
    assert all(f"\n  {name} " in shown for name in (*WORKLOADS, *cli.PARTS))


@pytest.mark.parametrize(("content", "text"), [
    ('{"results": []}', "not a result file"), ("[]", "not a result file"),
    ('{"results": [], "environment": {}, "format": 99}', "its format is 99"),
])  # fmt: skip
def test_files_that_are_no_results_are_refused(content, text, tmp_path):
    path = tmp_path / "file.json"
    path.write_text(content)
    with pytest.raises(results.ResultError, match=text):
        results.load(str(path))


def test_compare_reads_what_was_saved_and_its_exit_code_tells(tmp_path, capsys):
    paths = [str(tmp_path / name) for name in ("old.json", "new.json")]
    for path, seconds in zip(paths, (0.5e-3, 0.6e-3)):
        results.save(Path(path), saved(run(Machine(int(seconds * 1e4)), seconds)))
    assert cli.main(["compare", *paths]) == 1
    assert "SLOWER" in capsys.readouterr().out
    assert cli.main(["compare", paths[0], paths[0]]) == 0
    assert "no difference shown" in capsys.readouterr().out


def test_files_with_nothing_in_common_cannot_be_compared():
    old, new = saved(run(Machine(0), 1e-3)), saved(run(Machine(0), 1e-3) | {"threads": 2})
    with pytest.raises(results.ResultError, match="no measurement in common"):
        compare.compare(old, new)


@pytest.mark.parametrize(("value", "unit", "text"), [
    (0.00052, "seconds", "520 µs"), (0.0175, "seconds", "17.5 ms"), (1.5e-6, "seconds", "1.50 µs"),
    (2.0, "seconds", "2.00 s"), (3 * 2**20, "bytes", "3.00 MiB"), (0, "bytes", "0.00 B"),
])  # fmt: skip
def test_quantities_have_three_digits(value, unit, text):
    assert report.quantity(value, unit) == text


def example_results():
    """A record of every part, made up."""
    def part(name, task, **more):
        return run(Machine(len(task)), 0.8e-3) | {"part": name, "task": task, "dtype": "float32", **more}

    found = [part("steps", "mlp-big", batch=128), part("steps", "wrong", disagreement="value 1 differs"),
             part("memory", "mlp-big", batch=128, unit="bytes", claimed=True),
             part("tape", "a recorded call")]
    found += [part("graph", f"{length} nodes", length=length) for length in (100, 1000)]
    found += [part("scaling", f"batch {n}", over="batch of mlp-big", size=n) for n in (16, 32)]
    found += [part("ops", "exp forward, 1,024 elements", elements=1024), part("conv", "3×3", batch=4)]
    row = {"operation": "linear forward", "calls": 2, "seconds": 1e-3, "flops": 1e6, "bytes": 1e5,
           "allocations": 1, "allocated": 64, "share of peak": 0.3, "bound": "compute"}
    peaks = {"flops/s": 5e10, "cached bytes/s": 6e10, "bytes/s": 3e10}
    ledger = {"rows": [row, row], "peaks": peaks, "seconds": 2e-3,
              "watched": 3e-3, "trace": "a.trace.json", "candidates": {}, "ratios": {}}
    found.append(part("profile", "mlp-big", batch=128, backend="numpy") | ledger)
    rows = [{"kernel": name, "seconds": 1e-3, "flops": 1e7, "bytes": 1e7} for name in ("matmul 128", "gelu")]
    found.append(part("roofline", "kernels", backend="numpy") | {"kernels": rows, "peaks": peaks})
    found.append(part("jobs", "train", unit="samples"))
    for own in found[-1]["candidates"].values():
        own["samples"] = 1438
    return saved(found[0]) | {"results": found, "settings": {}}


def test_every_part_has_its_table(capsys):
    for table in report.tables(example_results()):
        report.write(table)
    shown = capsys.readouterr().out
    assert all(title in shown for title in report.TITLES.values() if title != "Importing")
    assert "time grows with batch of mlp-big to the power" in shown and "cost per node grows" in shown
    assert "RESULTS DIFFER" in shown and "Cost ledger: mlp-big" in shown and "geometric mean" in shown
    assert "Kernels against the roof" in shown and re.search(r"train +1,\d\d\d,\d\d\d/s", shown)


def test_the_page_holds_every_figure_and_loads_nothing(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    path = tmp_path / "results.json"
    results.save(path, example_results())
    assert cli.main(["report", str(path), "--out", str(tmp_path / "page")]) == 0
    page = (tmp_path / "page" / "report.html").read_text(encoding="utf-8")
    names = {"steps", "memory", "tape", "graph", "scaling", "operations", "jobs", "ledgers", "roofline"}
    assert {file.name for file in (tmp_path / "page").iterdir()} == {
        "report.html", *(f"{name}.{ending}" for name in names for ending in ("png", "svg"))}
    assert page.count("<svg") == len(names) and "<script" not in page
    assert not re.findall(r"""(?:src|href)=["']\s*(?:https?:)?//""", page)
    used, made = set(re.findall(r'(?:href="|url\()#([^")]+)', page)), re.findall(r'\bid="([^"]+)"', page)
    assert used <= set(made) and len(made) == len(set(made))
    capsys.readouterr()


def test_the_ledger_adds_up_and_its_trace_opens():
    with Worker("numpy", 1) as worker:
        found = worker.ask("benchmarks.ledger:ledger", workload="mlp-small", batch=4, dtype="float32",
                           threads=1)
    rows = {row["operation"]: row for row in found["rows"]}
    assert rows["linear forward"]["calls"] == 3 and rows["relu backward"]["calls"] == 2
    # 2 × batch × weights of the three layers
    assert rows["linear forward"]["flops"] == 2 * 4 * (784 * 64 + 64 * 64 + 64 * 10)
    assert all(event["ph"] == "X" and event["dur"] >= 0 for event in found["events"])
    assert sum(event["name"] == "linear forward" for event in found["events"]) == 3


def test_operations_are_drawn_large_and_both_libraries_agree():
    sums = {}
    for backend in ("numpy", "torch"):
        with Worker(backend, 1) as worker:
            assert {"exp", "matmul", "conv2d"} <= set(worker.ask("benchmarks.ops:samples", only=[]))
            for sample in ("exp", "matmul", "gather", "conv2d"):
                arguments = {"function": "benchmarks.ops:operation", "sample": sample, "backward": True}
                facts = worker.ask("benchmarks.worker:set_up", label="op", elements=4096, **arguments)
                assert facts["elements"] == 4096
                sums.setdefault(sample, []).append(worker.ask("benchmarks.worker:check", label="op"))
    for numbers in sums.values():
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-5) and all(number > 0 for number in numbers[0])


def test_a_worker_that_fails_says_how_and_goes_on():
    with Worker(None, 1) as worker:
        with pytest.raises(WorkerError, match="ValueError: 'sinus' is none of abs"):
            worker.ask("benchmarks.ops:samples", only=["sinus"])
        with pytest.raises(WorkerError) as caught:
            worker.ask("benchmarks.ops:no_such_function")
        assert caught.value.missing
        assert worker.ask("benchmarks.worker:forget") is None
        worker.process.kill()
        with pytest.raises(WorkerError, match="the process died"):
            worker.ask("benchmarks.worker:forget")


def test_the_command_measures_and_writes_a_file(tmp_path):
    """The whole way once, in real processes: an exact result file, whatever the times are."""
    path = tmp_path / "results.json"
    arguments = f"--workload logreg --part steps memory --rounds 2 --launches 1 --threads 1 --json {path}"
    command = [sys.executable, "-m", "benchmarks", *arguments.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(path.read_text())
    step, memory = found["results"]
    assert [step["part"], memory["part"]] == ["steps", "memory"] and step["task"] == memory[
        "task"
    ] == "logreg"
    assert step["candidates"].keys() == {"numpy", "numba", "torch"} and not step["disagreement"]
    for own in step["candidates"].values():
        assert len(own["series"]) == 1 and len(own["series"][0]) == 2 and own["threads"] == 1
        assert own["losses"] == pytest.approx(step["candidates"]["torch"]["losses"], rel=1e-3)
    assert step["ratios"]["numpy"].keys() >= {"ratio", "low", "high", "verdict", "goal", "to"}
    assert str(ROOT) not in path.read_text()
    assert "Training steps (float32, 1 thread)" in done.stdout and f"results: {path}" in done.stdout
