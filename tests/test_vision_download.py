"""Downloads from a server on this machine that resumes, cuts off, damages, ignores and refuses."""

import hashlib
import http.server
import io
import os
import re
import socket
import tarfile
import threading

import numpy as np
import pytest
from vision_files import CIFAR_NAMES, cifar_rows, mnist_files, write_cifar, write_mnist

import minigrad
from minigrad.vision import download

pytest.importorskip("torch")
pytest.importorskip("PIL")
pytest.importorskip("tqdm")

import torch_backend

B = pytest.fixture(params=[minigrad, torch_backend], ids=["numpy", "torch"])(lambda request: request.param)


CONTENT = np.random.default_rng(0).bytes(300_000)


def md5(content):
    return hashlib.md5(content).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves `files` by name. `requests` logs (name, Range); `cut` ends each answer after so many bytes."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.requests = {}, []
        self.cut, self.ranges, self.status, self.lengths = None, True, None, True
        self.address = f"http://127.0.0.1:{self.server_port}/"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        server, name = self.server, self.path[1:]
        server.requests.append((name, self.headers["Range"]))
        if server.status or name not in server.files:
            return self.send_error(server.status or 404)
        content, status = server.files[name], 200
        if self.headers["Range"] and server.ranges:
            begun = int(re.fullmatch(r"bytes=(\d+)-", self.headers["Range"])[1])
            if begun >= len(content):
                return self.send_error(416)
            content, status = content[begun:], 206
        self.send_response(status)
        if server.lengths:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: server.cut])


@pytest.fixture
def server(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    with Server() as it:
        thread = threading.Thread(target=it.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        it.files["file.gz"] = CONTENT
        yield it
        it.shutdown()
        thread.join()


def fetch(server, folder, content=CONTENT, mirrors=None):
    download.fetch([("file.gz", md5(content))], mirrors or [server.address], folder)


def failure(function, *arguments, **named):
    with pytest.raises(RuntimeError) as caught:
        function(*arguments, **named)
    return str(caught.value).split("\n")


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_file_with_progress(server, tmp_path, capsys):
    fetch(server, tmp_path / "new" / "folder")
    assert files(tmp_path / "new" / "folder") == {"file.gz": CONTENT}
    assert re.search(r"file\.gz: 100%.*300k/300k", capsys.readouterr().err)


def test_what_is_there_is_not_asked_for(server, tmp_path):
    fetch(server, tmp_path)
    fetch(server, tmp_path)
    assert len(server.requests) == 1


def test_another_version_is_replaced(server, tmp_path):
    (tmp_path / "file.gz").write_bytes(b"older")
    fetch(server, tmp_path)
    assert files(tmp_path) == {"file.gz": CONTENT}


def test_resumed_after_each_cut(server, tmp_path):
    server.cut = 100_000
    fetch(server, tmp_path)
    assert files(tmp_path) == {"file.gz": CONTENT}
    assert [bytes_from for _, bytes_from in server.requests] == [None, "bytes=100000-", "bytes=200000-"]


def test_resumed_by_a_later_call(server, tmp_path, capsys):
    (tmp_path / "file.gz.part").write_bytes(CONTENT[:123_456])
    fetch(server, tmp_path)
    assert files(tmp_path) == {"file.gz": CONTENT} and server.requests == [("file.gz", "bytes=123456-")]
    assert re.search(r"file\.gz: +41%.*123k/300k", capsys.readouterr().err)


def test_complete_but_not_yet_in_place(server, tmp_path):
    (tmp_path / "file.gz.part").write_bytes(CONTENT)
    fetch(server, tmp_path)
    assert files(tmp_path) == {"file.gz": CONTENT}


def test_nothing_arrives_any_more(server, tmp_path):
    """The part stays, for a later call."""
    (tmp_path / "file.gz.part").write_bytes(CONTENT[:50_000])
    server.cut = 0
    first, cause, advice = failure(fetch, server, tmp_path)
    assert first == "Error downloading file.gz"
    assert cause == f"{server.address}file.gz: cut off after 50000 of 300000 bytes"
    assert advice == (
        f"Try again (what came so far is kept), or get file.gz another way and put them into {tmp_path}."
    )
    assert files(tmp_path) == {"file.gz.part": CONTENT[:50_000]}
    server.cut = None
    fetch(server, tmp_path)
    assert files(tmp_path) == {"file.gz": CONTENT}


@pytest.mark.parametrize("part", [b"x" * 1000, b"x" * 300_000, b"x" * 400_000])
def test_a_part_of_another_file(server, tmp_path, part):
    (tmp_path / "file.gz.part").write_bytes(part)
    fetch(server, tmp_path)
    assert files(tmp_path) == {"file.gz": CONTENT} and server.requests[-1] == ("file.gz", None)


def test_a_server_that_knows_no_ranges(server, tmp_path):
    server.ranges = False
    (tmp_path / "file.gz.part").write_bytes(b"x" * 1000)
    fetch(server, tmp_path)
    assert files(tmp_path) == {"file.gz": CONTENT} and len(server.requests) == 1


def test_a_server_that_tells_no_length(server, tmp_path):
    server.lengths = False
    fetch(server, tmp_path)
    assert files(tmp_path) == {"file.gz": CONTENT}


def test_damaged_on_the_way(server, tmp_path):
    """Nothing of it is left, so that the next call starts anew."""
    server.files["file.gz"] = CONTENT[:1000] + b"!" + CONTENT[1001:]
    _, cause, _ = failure(fetch, server, tmp_path)
    assert cause == (
        f"{server.address}file.gz: what came has not the MD5 {md5(CONTENT)}: damaged, or another version"
    )
    assert files(tmp_path) == {} and len(server.requests) == 1


@pytest.mark.parametrize("fault", ["missing", "broken", "damaged"])
def test_the_next_mirror(server, tmp_path, fault):
    with Server() as other:
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        if fault != "missing":
            other.files["file.gz"] = b"another"
        other.status = 503 if fault == "broken" else None
        fetch(server, tmp_path, mirrors=[other.address, server.address])
        other.shutdown()
        thread.join()
    assert files(tmp_path) == {"file.gz": CONTENT} and len(other.requests) == 1


def test_without_a_network(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}/"
    resources = [(f"{name}.gz", md5(b"")) for name in "abc"]
    mirrors = [address, "http://no-such-host.invalid/"]
    first, near, far, advice = failure(download.fetch, resources, mirrors, tmp_path)
    assert first == "Error downloading a.gz" and near.startswith(f"{address}a.gz: ") and "refused" in near
    assert far.startswith("http://no-such-host.invalid/a.gz: ")
    assert advice.endswith(f"get a.gz, b.gz, c.gz another way and put them into {tmp_path}.")


def test_only_what_is_missing_is_named(server, tmp_path):
    server.files.update(a=b"a", b=b"b")
    resources = [("a", md5(b"a")), ("c", md5(b"c")), ("b", md5(b"b"))]
    assert failure(download.fetch, resources, [server.address], tmp_path)[0] == "Error downloading c"
    lines = failure(download.fetch, resources, [server.address], tmp_path)
    assert "get c, b another way" in lines[-1] and "HTTP Error 404" in lines[1] or "Not Found" in lines[1]
    assert [name for name, _ in server.requests] == ["a", "c", "c"]


def test_a_folder_that_cannot_be_written(server, tmp_path):
    (tmp_path / "occupied").write_text("a file")
    with pytest.raises(OSError, match="occupied"):
        fetch(server, tmp_path / "occupied")
    (tmp_path / "file.gz.part").mkdir()
    assert "Is a directory" in failure(fetch, server, tmp_path)[1]


# ---- Sets ------------------------------------------------------------------------------------------------


def test_mnist(B, server, tmp_path, monkeypatch):
    contents, arrays = mnist_files()
    server.files, server.cut = contents, 1500
    MNIST = B.vision.datasets.MNIST
    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/", server.address])
    monkeypatch.setattr(MNIST, "resources", [(name, md5(content)) for name, content in contents.items()])
    for _ in range(2):
        dataset = MNIST(tmp_path, download=True)
        np.testing.assert_array_equal(dataset.data.numpy(), arrays["train"][0])
    assert files(tmp_path / "MNIST" / "raw") == contents
    asked = len(server.requests)
    np.testing.assert_array_equal(MNIST(tmp_path, False, download=True).targets.numpy(), arrays["t10k"][1])
    assert len(server.requests) == asked


def test_mnist_unpacked_by_someone_else_is_not_asked_for(B, server, tmp_path, monkeypatch):

    write_mnist(tmp_path, unpacked=True)
    monkeypatch.setattr(B.vision.datasets.MNIST, "mirrors", [server.address])
    assert len(B.vision.datasets.MNIST(tmp_path, download=True)) == 7 and not server.requests


def test_published_checksums(B):
    """Of the right form, and different ones."""
    datasets = B.vision.datasets
    sums = [
        sum for kind in (datasets.MNIST, datasets.FashionMNIST, datasets.CIFAR10) for _, sum in kind.resources
    ]
    assert len(sums) == len(set(sums)) == 9 and all(re.fullmatch("[0-9a-f]{32}", sum) for sum in sums)


def archive(members):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


def test_cifar(B, server, tmp_path, monkeypatch):
    rows = {name: cifar_rows(2, seed) for seed, name in enumerate(CIFAR_NAMES)}
    members = {
        f"cifar-10-batches-bin/{name}.bin": np.column_stack(pair).tobytes() for name, pair in rows.items()
    }
    content = archive({**members, "../outside": b"no", "cifar-10-batches-bin/readme.html": b"text"})
    server.files = {"cifar-10-binary.tar.gz": content}
    CIFAR10 = B.vision.datasets.CIFAR10
    monkeypatch.setattr(CIFAR10, "mirrors", [server.address])
    monkeypatch.setattr(CIFAR10, "resources", [("cifar-10-binary.tar.gz", md5(content))])
    root = tmp_path / "data"
    for _ in range(2):
        dataset = CIFAR10(root, train=False, download=True)
        np.testing.assert_array_equal(
            dataset.data.transpose(0, 3, 1, 2).reshape(2, -1), rows["test_batch"][1]
        )
    assert len(server.requests) == 1 and len(CIFAR10(root)) == 10
    assert {path.name for path in (root / "cifar-10-batches-bin").iterdir()} == {
        f"{n}.bin" for n in CIFAR_NAMES
    }
    assert not (tmp_path / "outside").exists()


def test_cifar_of_torchvision_is_not_asked_for(B, server, tmp_path, monkeypatch):
    write_cifar(tmp_path, python=True)
    monkeypatch.setattr(B.vision.datasets.CIFAR10, "mirrors", [server.address])
    assert len(B.vision.datasets.CIFAR10(tmp_path, download=True)) == 20 and not server.requests
