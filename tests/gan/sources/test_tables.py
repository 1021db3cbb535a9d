import io
import pickle

import numpy as np
import pytest

from stages.gan.sources import tables
from stages.runtime.errors import UserError

POINTS = np.arange(36, dtype=np.float32).reshape(12, 3) ** 2
ROWS = [[f"{value:g}" for value in row] for row in POINTS]
GERMAN = "\n".join(
    f"{a / 4};{b:g};{c:g}".replace(".", ",") for a, b, c in POINTS
)  # columns of 4, once with commas

QUOTED = "\n".join(",".join(f'"{cell}"' for cell in line.split(";")) for line in GERMAN.splitlines())


def saved(values, **how) -> str:
    """What numpy.savetxt writes."""
    text = io.StringIO()
    np.savetxt(text, values, fmt="%g", **how)
    return text.getvalue()


def write(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    elif path.suffix == ".npz":
        np.savez(path, **content)
    else:
        np.save(path, content)
    return path


def archive(**arrays) -> bytes:
    """What numpy.savez writes."""
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


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
        ("a.tsv", "\n".join(map("\t".join, ROWS))),
        ("a.txt", saved(POINTS)),
        ("a.txt", saved(POINTS, header="made by\nhand", footer="the end")),
        ("a.txt", "\n".join(map("\t".join, ROWS)).encode("utf-16")),
        ("a.csv", "sep=;\n" + "\n".join(map(";".join, ROWS))),
        ("a.csv", "\r".join('"' + '","'.join(row) + '"' for row in ROWS)),
        ("a.npy", archive(x=POINTS)),
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


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", saved(POINTS, header="a b c")),
        ("a.csv", saved(POINTS, header="a,b,c")),
        ("a.csv", saved(POINTS, header="a,b,c", delimiter=",")),
        ("a.csv", saved(POINTS, header="a,b,c", delimiter=";", comments="")),
        ("a.tsv", "a\tb\tc\n" + saved(POINTS, delimiter="\t")),
        ("a.csv", "\ufeffa;b;c\n" + GERMAN),
        ("a.npy", np.array([tuple(row) for row in POINTS], dtype=[(name, "f4") for name in "abc"])),
    ],
)
def test_names_are_found_wherever_they_are_written(name, content, tmp_path):
    found = tables.read(write(tmp_path / name, content))
    assert found.names == ("a", "b", "c")
    assert found.values[:, 1:].tolist() == POINTS[:, 1:].tolist()


def test_decimals_may_have_a_comma_where_that_is_plain(tmp_path):
    for content in (GERMAN, GERMAN.replace(";", "\t"), GERMAN.replace(";", "  "), QUOTED):
        found = tables.read(write(tmp_path / "a.csv", content))
        assert np.array_equal(found.values, POINTS / [4, 1, 1])
    one = "height\n" + "\n".join(f"{value},5" for value in range(12))
    assert tables.read(write(tmp_path / "a.csv", one)).values[:2].tolist() == [[0.5], [1.5]]
    whole = "\n".join(f"{value},5{value}" for value in range(12))  # as good as always: two columns
    assert tables.read(write(tmp_path / "a.csv", whole)).values[:2].tolist() == [[0, 50], [1, 51]]


def indexed(name: str, numbers, separator: str = ",") -> str:
    """A table of two columns behind one with an index."""
    lines = [separator.join([name, "a", "b"])]
    return "\n".join(lines + [f"{n}{separator}{2.5 * n}{separator}{n * n}" for n in numbers])


@pytest.mark.parametrize(
    "content",
    [
        indexed("", range(12)),
        indexed("Unnamed: 0", range(12)),
        indexed("", range(40, 3, -3)),  # of chosen rows, in another order
        indexed("", range(12), ";"),
        indexed("", range(12), "\t"),
        indexed('""', range(1, 13)),
        "".join(
            f"{line}\n" for line in ['"a" "b"', *(f'"{n}" {2.5 * n} {n * n}' for n in range(1, 13))]
        ),  # of R
        indexed("", range(12)).replace(",a,b", ",0,1"),  # columns without names
        ",Unnamed: 0,a,b\n" + "\n".join(f"{n},{n},{2.5 * n},{n * n}" for n in range(12)),  # two of them
    ],
)
def test_an_index_is_left_out_and_that_is_said(content, tmp_path):
    found = tables.read(write(tmp_path / "a.csv", content))
    assert found.values.shape[1] == 2
    assert np.array_equal(found.values[:, 1], (found.values[:, 0] / 2.5) ** 2)
    assert found.names in (("a", "b"), ("0", "1"))
    assert "numbers the rows, as in files from pandas: it is left out" in found.note


def test_what_may_be_an_index_is_said(tmp_path):
    for content in (indexed("id", range(12)), "\n".join(f"{n} {2.5 * n} {n * n}" for n in range(1, 13))):
        found = tables.read(write(tmp_path / "a.txt", content))
        assert found.values.shape[1] == 3
        assert "it is used as data, so remove it if it only numbers the rows" in found.note
    for content in ("\n".join(map(str, range(12))), indexed("", [0.5 * n for n in range(12)])):
        found = tables.read(write(tmp_path / "a.csv", content))
        assert found.note == ""
    assert found.names == ("x1", "a", "b")  # fractions are data, whatever their column is called


def test_a_text_may_begin_as_archives_do(tmp_path):
    assert tables.read(write(tmp_path / "a.csv", "PK,b\n" + saved(POINTS[:, :2], delimiter=","))).names == (
        "PK",
        "b",
    )


def test_numbers_in_a_row_are_points_on_a_line(tmp_path):
    assert tables.read(write(tmp_path / "a.npy", np.arange(15))).values.shape == (15, 1)
    assert tables.read(write(tmp_path / "a.csv", "\n".join(map(str, range(15))))).values.shape == (15, 1)


def many(row: str, last: str) -> str:
    """A CSV file of twelve lines."""
    return "".join(f"{number},{row}\n" for number in range(11)) + last


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.dat", "1,2", "its name must end in .npy, .npz, .csv, .tsv or .txt"),
        ("a.xlsx", b"PK", "its name must end in .npy, .npz, .csv, .tsv or .txt; save the sheet as CSV"),
        ("a.parquet", b"PAR1", "read it with pandas, write it with to_csv"),
        ("a.csv", b"PK\3\4", "its content is an archive's, such as an Excel file; save the sheet as CSV"),
        ("a.csv", b"PAR1 and so on", "its content is a Parquet file's"),
        ("a.csv", "h\xf6he,b\n1,2\n".encode("latin-1"), "line 1 is not UTF-8); save it as UTF-8 text"),
        ("a.txt", "1\t2\n".encode("utf-16-le"), "zero bytes, so it is not text); save it as UTF-8 text"),
        ("a.csv", "# a b\n\n# c d\n", "holds comments, and no numbers"),
        (
            "a.csv",
            "1257;-0,5\n3;x\n",
            "line 2 has 'x' where a number must be (cell 2, with semicolons between",
        ),
        (
            "a.csv",
            "1.5;2,5\n" * 12,
            "line 1 has '2,5' where a number must be (cell 2, with semicolons between",
        ),
        (
            "a.csv",
            "1,500;2,250\n" * 12,
            "line 1 has '1,500', which may be 1.500 or 1500; write decimal points",
        ),
        ("a.csv", "a,b\n" + "1,2\n" * 12 + ",3\n", "line 14 has '' where a number must be"),
        ("a.csv", "1|2\n" * 12, "has '1|2' where a number must be (there is one cell: separate cells by"),
        ("a.csv", "0,1\n" + "0.5,1.5\n" * 12, "line 1 is 0, 1 above fractions: it may be a point, or names"),
        ("a.csv", "a,b,c\n1,2\n", "line 2 has 2 numbers, but line 1 has 3 names, with commas between"),
        ("a.npy", "1,2\n3,4\n", "not readable points (its content is not NumPy's); write it with numpy.save"),
        ("a.npy", pickle.dumps([1, 2]), "its content is not NumPy's"),
        ("a.csv", "", "is empty"),
        ("a.csv", "1,2\n\n3\n", "line 3 has 1 numbers, not 2"),
        ("a.csv", "a,b\n1,2\n3,four\n", "line 3 has 'four' where a number must be"),
        ("a.csv", "1,2\n3,1_000\n", "line 2 has '1_000' where a number must be"),
        ("a.csv", "a,b\n1,2\n3,\n", "line 3 has '' where a number must be"),
        ("a.csv", "a,b\n", "holds 0 points; at least 10 are needed"),
        ("a.csv", many("5", "11,nan\n"), "row 12 of the points holds nan: no number may be missing"),
        (
            "a.csv",
            many("5", "11,1e31\n"),
            "row 12 of the points holds 1e+31: no number may",
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
        ("a.npz", {"x": POINTS, "y": POINTS}, "several arrays (x, y); name the right one points"),
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
    np.savez(tmp_path / "a.npz", points=np.array([None]))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(UserError, match="it holds Python objects, not numbers"):
            tables.read(tmp_path / name)
