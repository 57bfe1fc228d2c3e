"""Readers of image files, and the digits that ship with the package."""
import gzip
import hashlib
import pathlib
import re
import struct
import tempfile

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad.vision.digits import load_digits
from minigrad.vision.files import Mnist, read_digit_csv, read_idx, read_mnist

CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}


def idx(array):
    """The bytes of an IDX file, written out from the format's description."""
    header = bytes([0, 0, CODES[array.dtype.name], array.ndim])
    sizes = b"".join(struct.pack(">I", size) for size in array.shape)
    return header + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def refusal(function, path):
    """The one line that `function` refuses the file with; it names the file."""
    with pytest.raises(ValueError) as caught:
        function(path)
    name, text = str(caught.value).split(": ", 1)
    assert name == str(path)
    assert "\n" not in text
    return text


# ---- IDX -------------------------------------------------------------------------------------------

@given(st.sampled_from(sorted(CODES)).flatmap(
           lambda name: hnp.arrays(name, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))),
       st.booleans())
@example(np.array(7, np.uint8), False)
@example(np.zeros((0, 3), np.float64), True)
def test_idx_round_trip(array, zipped):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "file")
        path.write_bytes(gzip.compress(idx(array), mtime=0) if zipped else idx(array))
        found = read_idx(path)
        assert read_idx(str(path)).dtype == array.dtype
    assert found.dtype == array.dtype and found.dtype.isnative
    assert found.flags.writeable and found.flags.c_contiguous
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()


WHOLE = idx(np.arange(6, dtype=np.int16).reshape(2, 3))


@pytest.mark.parametrize(("data", "text"), [
    (b"", "truncated: an IDX file has at least 4 bytes, this one 0"),
    (WHOLE[:3], "truncated: an IDX file has at least 4 bytes, this one 3"),
    (WHOLE[:11], "truncated: 2 dimensions need a header of 12 bytes, the file has 11"),
    (WHOLE[:-1],
     "truncated: the header says int16 of shape (2, 3), that is 24 bytes, the file has 23"),
    (WHOLE + b"!",
     "trailing bytes: the header says int16 of shape (2, 3), that is 24 bytes, the file has 25"),
    (b"\x89PNG\r\n", "not an IDX file: bad magic number 0x89504e47; "
                     "expected two zero bytes and then an element type, one of 08, 09, 0b, 0c, 0d, 0e"),
    (b"\0\0\x0a\x01" + WHOLE[4:],
     "not an IDX file: bad magic number 0x00000a01; "
     "expected two zero bytes and then an element type, one of 08, 09, 0b, 0c, 0d, 0e"),
    (b"\0\0\x08\x02" + struct.pack(">2I", 2**32 - 1, 2**32 - 1),
     "truncated: the header says uint8 of shape (4294967295, 4294967295), "
     "that is 18446744065119617037 bytes, the file has 12"),
    (gzip.compress(WHOLE[:-1], mtime=0),
     "truncated: the header says int16 of shape (2, 3), that is 24 bytes, the file has 23"),
])
def test_idx_refuses_with_the_reason(tmp_path, data, text):
    path = tmp_path / "file.idx"
    path.write_bytes(data)
    assert refusal(read_idx, path) == text


@pytest.mark.parametrize("header", [b"\0\0\x08\xff" + struct.pack(">255I", *[1] * 255) + b"x",
                                    b"\0\0\x0e\x04" + struct.pack(">4I", 0, *[2**32 - 1] * 3)])
def test_idx_refuses_shapes_that_no_array_has(tmp_path, header):
    path = tmp_path / "file.idx"
    path.write_bytes(header)
    assert refusal(read_idx, path).startswith("no array can have the header's shape (")


@pytest.mark.parametrize("damage", [lambda data: data[:20], lambda data: data[:-6],
                                    lambda data: data[:12] + b"\xff\xff" + data[14:],
                                    lambda data: data[:-8] + bytes(4) + data[-4:]])
def test_damaged_gzip(tmp_path, damage):
    path = tmp_path / "file.gz"
    path.write_bytes(damage(gzip.compress(WHOLE, mtime=0)))
    for read in (read_idx, read_digit_csv):
        assert refusal(read, path).startswith("damaged gzip file: ")


@pytest.mark.parametrize("read", [read_idx, read_digit_csv])
def test_no_such_file(tmp_path, read):
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "nothing"))):
        read(tmp_path / "nothing")


# ---- MNIST -----------------------------------------------------------------------------------------

def write_mnist(folder, joint="-", suffix=""):
    random = np.random.default_rng(3)
    arrays = []
    for split, count in (("train", 5), ("t10k", 3)):
        for stem, dimensions, array in (("images", 3, random.integers(0, 256, (count, 4, 4), np.uint8)),
                                        ("labels", 1, random.integers(0, 10, count, np.uint8))):
            data = idx(array)
            name = f"{split}-{stem}{joint}idx{dimensions}-ubyte{suffix}"
            (folder / name).write_bytes(gzip.compress(data, mtime=0) if suffix else data)
            arrays.append(array)
    return arrays


@pytest.mark.parametrize("joint", ["-", "."])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_mnist(tmp_path, joint, suffix):
    written = write_mnist(tmp_path, joint, suffix)
    found = read_mnist(tmp_path)
    for ours, theirs in zip(found, written, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [array.dtype.name for array in found] == ["uint8", "int64", "uint8", "int64"]
    assert Mnist._fields == ("train_images", "train_labels", "test_images", "test_labels")
    assert len(found.train_images) == len(found.train_labels) == 5
    assert len(read_mnist(str(tmp_path)).test_labels) == 3


def test_mnist_whose_files_are_spelt_differently_or_hide_behind_folders(tmp_path):
    written = write_mnist(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").rename(tmp_path / "train-labels.idx1-ubyte")
    (tmp_path / "train-labels-idx1-ubyte").mkdir()          # as one popular archive unpacks
    np.testing.assert_array_equal(read_mnist(tmp_path).train_labels, written[1])


@pytest.mark.parametrize("missing", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_mnist_names_what_is_missing(tmp_path, missing):
    write_mnist(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(FileNotFoundError) as caught:
        read_mnist(tmp_path)
    dotted = missing.replace("-idx", ".idx")
    assert str(caught.value) == f"{tmp_path}: none of {missing}, {missing}.gz, {dotted}, {dotted}.gz is there"


def test_mnist_without_its_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_mnist(tmp_path / "nowhere")


@pytest.mark.parametrize(("name", "array", "text"), [
    ("train-labels-idx1-ubyte", np.zeros(4, np.uint8), "4 labels, but train-images-idx3-ubyte has 5 images"),
    ("t10k-images-idx3-ubyte", np.zeros(3, np.uint8),
     "expected a 3-d uint8 array, the file has a 1-d uint8 one"),
    ("t10k-labels-idx1-ubyte", np.zeros(3, np.int32),
     "expected a 1-d uint8 array, the file has a 1-d int32 one"),
])
def test_mnist_with_something_else_in_a_file(tmp_path, name, array, text):
    write_mnist(tmp_path)
    (tmp_path / name).write_bytes(idx(array))
    with pytest.raises(ValueError) as caught:
        read_mnist(tmp_path)
    assert str(caught.value) == f"{tmp_path / name}: {text}"


# ---- CSV -------------------------------------------------------------------------------------------

HEADER = "label,pixel0,pixel1,pixel2,pixel3\n"


@pytest.fixture
def csv(tmp_path):
    def write(text):
        path = tmp_path / "train.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path
    return write


@pytest.mark.parametrize("change", [
    lambda text: text,
    lambda text: text.replace("\n", "\r\n"),
    lambda text: text.rstrip("\n"),
    lambda text: text + "\n\n",
    lambda text: "\ufeff" + text,
    lambda text: text.replace("label,pixel0", '"label", "pixel0"'),
    lambda text: text.replace("pixel0,pixel1,pixel2,pixel3", "1x1,1x2,2x1,2x2"),
    lambda text: gzip.compress(text.encode(), mtime=0),
])
def test_csv(csv, change):
    images, labels = read_digit_csv(csv(change(HEADER + "3,0,255,7,12\n9,1,2,3,4\n0,00,010,000,99\n")))
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
    assert images.tolist() == [[[0, 255], [7, 12]], [[1, 2], [3, 4]], [[0, 10], [0, 99]]]
    assert labels.tolist() == [3, 9, 0]


def test_csv_of_full_size_images(csv):
    random = np.random.default_rng(5)
    table = np.concatenate([random.integers(0, 10, (30, 1)), random.integers(0, 256, (30, 784))], axis=1)
    header = ",".join(["label", *(f"pixel{number}" for number in range(784))])
    rows = "\n".join(",".join(map(str, row)) for row in table.tolist())
    images, labels = read_digit_csv(csv(f"{header}\n{rows}\n"))
    np.testing.assert_array_equal(images, table[:, 1:].reshape(30, 28, 28))
    np.testing.assert_array_equal(labels, table[:, 0])


@pytest.mark.parametrize(("text", "reason"), [
    ("", "line 1: the first column must be label, found ''; "
         "a test set without labels cannot be learnt from: give train.csv"),
    ("pixel0,pixel1,pixel2,pixel3\n1,2,3,4\n", "line 1: the first column must be label, found 'pixel0'; "
     "a test set without labels cannot be learnt from: give train.csv"),
    ("label\n1\n", "line 1: 0 pixel columns do not make a square image"),
    ("label,pixel0,pixel1,pixel2\n1,2,3,4\n", "line 1: 3 pixel columns do not make a square image"),
    (HEADER, "has a header and no rows"),
    (HEADER + "\r\n\n", "has a header and no rows"),
    (HEADER + "1,2,3,4,5\n1,2,3,x,5\n", "line 3, column 4 (pixel2): 'x' is not a whole number from 0 to 255"),
    (HEADER + "1,2,3,4,5\n\n1,2,,4,5\n", "line 4, column 3 (pixel1): '' is not a whole number from 0 to 255"),
    (HEADER + "1,2,3,4,256\n", "line 2, column 5 (pixel3): '256' is not a whole number from 0 to 255"),
    (HEADER + "1,2,3,4,-1\n", "line 2, column 5 (pixel3): '-1' is not a whole number from 0 to 255"),
    (HEADER + "1,2.0,3,4,5\n", "line 2, column 2 (pixel0): '2.0' is not a whole number from 0 to 255"),
    (HEADER + "1,nan,3,4,5\n", "line 2, column 2 (pixel0): 'nan' is not a whole number from 0 to 255"),
    (HEADER + "1,2,3,4,5\n10,2,3,4,5\n", "line 3, column 1 (label): '10' is not a whole number from 0 to 9"),
    (HEADER + "1,2,3,4\n", "line 2: 4 columns, the header has 5"),
    (HEADER + "1,2,3,4,5\r\n1,2,3,4,5,6\r\n", "line 3: 6 columns, the header has 5"),
    (HEADER + "1,2,3,4,5,6\n1,2,3,4,5,6\n", "line 2: 6 columns, the header has 5"),
    (HEADER + "1,2,3,4,5\n1,2", "line 3: 2 columns, the header has 5"),
    (HEADER.encode() + b"1,2,3,\xff,5\n",
     "line 2, column 4 (pixel2): '\ufffd' is not a whole number from 0 to 255"),
    (HEADER + f"1,2,3,{'9' * 5000},5\n", f"line 2, column 4 (pixel2): '{'9' * 40}' is not a whole number "
                                        "from 0 to 255"),
])
def test_csv_refuses_with_line_and_column(csv, text, reason):
    path = csv(text)
    assert refusal(read_digit_csv, path) == reason


def plain_rows(body):
    """The rows as a person would read them, or None where a cell is no digit and no pixel."""
    rows = [line.split(",") for line in body.replace("\r\n", "\n").split("\n") if line]
    for row in rows:
        good = [re.fullmatch("[0-9]{1,3}", cell) and int(cell) <= (9 if column == 0 else 255)
                for column, cell in enumerate(row)]
        if len(row) != 2 or not all(good):
            return None
    return [[int(cell) for cell in row] for row in rows] or None


ROW = st.tuples(st.integers(0, 9), st.integers(0, 255)).map(lambda row: "{},{}".format(*row))
PIECES = ROW | st.sampled_from(["", ",", "7", "1,256", "10,1", "1,2,3", "-1,2", " 1,2", "1,2 ", "x", "1,0x1",
                                "1,2.", "#", '"1",2', "001,002", "0001,2", "1_0,2", "٣,1", "\x00", "1,1e1"])


@settings(max_examples=max(200, settings.default.max_examples))
@given(st.lists(PIECES, max_size=6), st.sampled_from(["\n", "\r\n", "\r"]))
@example(["1,2", "3,4"], "\r")
def test_csv_reads_or_refuses_as_the_plain_reading_does(pieces, ending):
    body = ending.join(pieces)
    expected = plain_rows(body)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "train.csv")
        path.write_bytes(("label,pixel0\n" + body).encode())
        if expected is None:
            assert re.match(r"line \d+|has a header and no rows", refusal(read_digit_csv, path))
        else:
            images, labels = read_digit_csv(path)
            assert [[label, image[0][0]] for label, image in zip(labels, images, strict=True)] == expected


# ---- the digits ------------------------------------------------------------------------------------

def test_digits_are_the_published_ones():
    images, labels = load_digits()
    assert (images.shape, images.dtype) == ((1797, 8, 8), np.uint8)
    assert (labels.shape, labels.dtype) == ((1797,), np.int64)
    assert (images.min(), images.max()) == (0, 16)
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert images[0].tolist() == [[0, 0, 5, 13, 9, 1, 0, 0], [0, 0, 13, 15, 10, 15, 5, 0],
                                  [0, 3, 15, 2, 0, 11, 8, 0], [0, 4, 12, 0, 0, 8, 8, 0],
                                  [0, 5, 8, 0, 0, 9, 8, 0], [0, 4, 11, 0, 1, 12, 7, 0],
                                  [0, 2, 14, 5, 10, 12, 0, 0], [0, 0, 6, 13, 10, 0, 0, 0]]
    digests = [hashlib.sha256(array.astype(np.uint8).tobytes()).hexdigest() for array in (images, labels)]
    assert digests == ["8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3",
                       "8ba4f891220f5e4c9c819638d1602d74b83618f167043c6da52a2a247841ddf0"]


def test_digits_are_new_at_every_call():
    images, labels = load_digits()
    images[:], labels[:] = 0, 0
    again = load_digits()
    assert again[0].any() and again[1].any()
