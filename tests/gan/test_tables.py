import numpy as np
import pytest

from stages.gan import tables
from stages.gan.errors import UserError

POINTS = np.arange(12, dtype=np.float32).reshape(4, 3)


def write(path, content):
    if isinstance(content, str):
        path.write_text(content)
    elif path.suffix == ".npz":
        np.savez(path, **content)
    else:
        np.save(path, content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npy", POINTS),
        ("a.npy", POINTS.astype(np.int64)),
        ("a.npy", np.asfortranarray(POINTS)),
        ("a.npz", {"whatever": POINTS}),
        ("a.npz", {"points": POINTS, "labels": np.zeros(4)}),
        ("a.csv", "0,1,2\n3,4,5\n6,7,8\n9,10,11\n"),
        ("a.csv", "0; 1; 2\r\n3; 4; 5\r\n\r\n6;7;8\r\n9;1e1;11"),
        ("A.CSV", "0\t1\t2\n3\t4\t5\n6\t7\t8\n9\t10\t11\n"),
        ("a.csv", "0 1  2\n 3 4 5\n6 7 8\n9 10 11"),
    ],
)
def test_a_table_is_read_whatever_its_form(name, content, tmp_path):
    found = tables.read(write(tmp_path / name, content))
    assert found.values.dtype == np.float32
    assert found.values.flags.c_contiguous
    assert np.array_equal(found.values, POINTS)
    assert found.names == ()


def test_the_first_line_may_name_the_columns(tmp_path):
    found = tables.read(write(tmp_path / "a.csv", '\ufeffspeed (m/s),"height, in m"\n1,2\n3,4\n'))
    assert found.names == ("speed (m/s)", "height, in m")
    assert found.values.tolist() == [[1, 2], [3, 4]]


def test_numbers_in_a_row_are_points_on_a_line(tmp_path):
    assert tables.read(write(tmp_path / "a.npy", np.arange(5))).values.shape == (5, 1)
    assert tables.read(write(tmp_path / "a.csv", "1\n2\n3\n")).values.shape == (3, 1)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", "1,2", "its name must end in .npy, .npz or .csv"),
        ("a.csv", "", "is empty"),
        ("a.csv", "1,2\n3\n", "row 2 has 1 numbers, not 2"),
        ("a.csv", "a,b\n1,2\n3,four\n", "row 3 has 'four' where a number must be"),
        ("a.csv", "1,2\n3,nan\n", "row 2 of the points holds a number that is missing, or not finite"),
        ("a.csv", "a,b\n1,2\n3,\n", "row 3 has '' where a number must be"),
        ("a.npy", POINTS.reshape(2, 2, 3), "has the shape [2, 2, 3]; points are [N, D]"),
        ("a.npy", np.array(["a", "b"]), "holds <U1, not real numbers"),
        ("a.npy", POINTS * 1j, "not real numbers"),
        ("a.npy", np.array([[1.0, 1e300]]), "row 1 of the points holds a number"),
        (
            "a.npz",
            {"x": POINTS, "y": POINTS},
            "several arrays (x, y); name the one that is meant points",
        ),
    ],
)
def test_what_is_no_table_is_told(name, content, words, tmp_path):
    with pytest.raises(UserError) as caught:
        tables.read(write(tmp_path / name, content))
    assert words in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.csv"])
def test_a_file_that_is_missing_or_damaged_is_told(name, tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        tables.read(tmp_path / name)
    (tmp_path / name).write_bytes(b"\x93NUMPY\xff\xff\x00 nonsense")
    with pytest.raises(UserError, match=f"{name}: not readable points"):
        tables.read(tmp_path / name)


def test_nothing_is_ever_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="not readable points"):
        tables.read(tmp_path / "a.npy")
