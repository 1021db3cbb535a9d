import numpy as np
import pytest

from stages.gan.sources import tables
from stages.runtime.errors import UserError

POINTS = np.arange(36, dtype=np.float32).reshape(12, 3) ** 2
ROWS = [[f"{value:g}" for value in row] for row in POINTS]


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
        ("a.npz", {"points": POINTS, "labels": np.zeros(12)}),
        ("a.csv", "\n".join(map(",".join, ROWS))),
        ("a.csv", "\r\n\r\n".join(map("; ".join, ROWS))),
        ("A.CSV", "\n".join(map("\t".join, ROWS)) + "\n\n"),
        ("a.csv", "\n ".join(map("  ".join, ROWS))),
    ],
)
def test_a_table_is_read_whatever_its_form(name, content, tmp_path):
    found = tables.read(write(tmp_path / name, content))
    assert found.values.dtype == np.float32
    assert found.values.flags.c_contiguous
    assert np.array_equal(found.values, POINTS)
    assert found.names == ()


def test_the_first_line_may_name_the_columns(tmp_path):
    rows = "".join(f"{value},{value * value}\n" for value in range(10))
    found = tables.read(write(tmp_path / "a.csv", '\ufeffspeed (m/s),"height, in m"\n' + rows))
    assert found.names == ("speed (m/s)", "height, in m")
    assert found.values[:3].tolist() == [[0, 0], [1, 1], [2, 4]]
    found = tables.read(write(tmp_path / "b.csv", "my own value\n" + "\n".join(map(str, range(10)))))
    assert found.names == ("my own value",)


def test_numbers_in_a_row_are_points_on_a_line(tmp_path):
    assert tables.read(write(tmp_path / "a.npy", np.arange(15))).values.shape == (15, 1)
    assert tables.read(write(tmp_path / "a.csv", "\n".join(map(str, range(15))))).values.shape == (15, 1)


def many(row: str, last: str) -> str:
    """A CSV file of twelve lines."""
    return "".join(f"{number},{row}\n" for number in range(11)) + last


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", "1,2", "its name must end in .npy, .npz or .csv"),
        ("a.csv", "", "is empty"),
        ("a.csv", "1,2\n\n3\n", "line 3 has 1 numbers, not 2"),
        ("a.csv", "a,b\n1,2\n3,four\n", "line 3 has 'four' where a number must be"),
        ("a.csv", "1,2\n3,1_000\n", "line 2 has '1_000' where a number must be"),
        ("a.csv", "a,b\n1,2\n3,\n", "line 3 has '' where a number must be"),
        ("a.csv", "a,b\n", "holds 0 points; at least 10 are needed"),
        ("a.csv", many("5", "11,nan\n"), "row 12 of the points holds nan: each number must be there"),
        (
            "a.csv",
            many("5", "11,1e31\n"),
            "row 12 of the points holds 1e+31: each number must",
        ),
        ("a.csv", many("5", "11,5\n"), "column 2 has the same value in all rows: leave it out"),
        (
            "a.csv",
            many("1700000000", "11,1700000300\n"),
            "column 2 varies too little for numbers",
        ),
        ("a.npy", POINTS.reshape(2, 6, 3), "has the shape [2, 6, 3]; points are [N, D]"),
        ("a.npy", np.array(["a", "b"]), "holds <U1, not real numbers"),
        ("a.npy", POINTS * 1j, "not real numbers"),
        ("a.npz", {"x": POINTS, "y": POINTS}, "several arrays (x, y); name the one that is meant points"),
    ],
)
def test_what_is_no_table_is_reported(name, content, words, tmp_path):
    with pytest.raises(UserError) as caught:
        tables.read(write(tmp_path / name, content))
    assert words in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.csv"])
def test_a_file_that_is_missing_or_damaged_is_reported(name, tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        tables.read(tmp_path / name)
    (tmp_path / name).write_bytes(b"\x93NUMPY\xff\xff\x00 nonsense")
    with pytest.raises(UserError, match=f"{name}: not readable points"):
        tables.read(tmp_path / name)
    if not name.endswith(".csv"):
        content = POINTS if name.endswith(".npy") else {"x": POINTS}
        whole = write(tmp_path / f"whole{name[1:]}", content).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(UserError, match=f"{name}: not readable points"):
            tables.read(tmp_path / name)


def test_nothing_is_ever_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="not readable points"):
        tables.read(tmp_path / "a.npy")
