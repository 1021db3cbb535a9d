import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from stages.gan.sources import depth, image_folders, picture_files, pictures
from stages.runtime.errors import UserError

RANDOM = np.random.default_rng(0)


def save(path, values, exif=None):
    """Write values of any depth: colours of 16 bits, which Pillow does not write, as a PNG."""
    if values.ndim == 2 or values.dtype == np.uint8:
        Image.fromarray(values).save(path, **({"exif": exif} if exif else {}))
        return path
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    kind = {2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">2I5B", width, height, 16, kind, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    path.write_bytes(content)
    return path


def read(path, channels=1, full=None):
    """The pixels of a picture of 6x6 [C, 6, 6]."""
    (found,) = image_folders.read([path], (channels, 6, 6), full)
    return found


@pytest.mark.parametrize("kind", ["png", "tif"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_grey_of_so_many_bits_has_its_whole_range(bits, kind, tmp_path):
    values = RANDOM.integers(0, 2**bits, (6, 6), dtype=np.uint16)
    values[0, :2] = 0, 2**bits - 1
    found = read(save(tmp_path / f"a.{kind}", values))[0]
    assert np.array_equal(found, values.astype(int) * 255 // (2**bits - 1))


def test_whole_numbers_of_32_bits_and_fractions_have_theirs(tmp_path):
    whole = RANDOM.integers(0, 100_000, (6, 6), dtype=np.int32)
    whole[0, 0] = 99_999
    assert np.array_equal(read(save(tmp_path / "a.tif", whole))[0], whole.astype(int) * 255 // (2**17 - 1))
    fractions = RANDOM.random((6, 6), dtype=np.float32)
    assert np.abs(read(save(tmp_path / "b.tif", fractions))[0] - 255 * fractions).max() <= 1
    above = fractions * 300 / fractions.max()
    assert np.abs(read(save(tmp_path / "c.tif", above))[0] - 255 * above / 300).max() <= 1


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_of_16_bits_keep_what_their_lower_bytes_say(channels, tmp_path):
    values = RANDOM.integers(0, 4096, (6, 6, channels), dtype=np.uint16)
    values[..., 3:] = 65535
    values[0, 0, 0] = 4095
    found = read(save(tmp_path / "a.png", values), channels=3)
    assert np.array_equal(found, values[..., :3].transpose(2, 0, 1).astype(int) * 255 // 4095)
    tool = np.asarray(pictures.load(tmp_path / "a.png").convert("RGB"))
    assert np.array_equal(tool, found.transpose(1, 2, 0))


def test_grey_of_16_bits_with_transparency_is_not_black(tmp_path):
    values = RANDOM.integers(0, 4096, (6, 6, 2), dtype=np.uint16)
    values[..., 1] = 65535
    found = read(save(tmp_path / "a.png", values))
    assert np.abs(found[0] - values[..., 0] * (255 / 4095)).max() <= 17  # of which Pillow knows 4 bits


def test_all_images_of_a_folder_have_one_range_or_that_which_is_named(tmp_path):
    dark, light = np.full((6, 6), 300, np.uint16), np.full((6, 6), 3000, np.uint16)
    paths = [save(tmp_path / "dark.png", dark), save(tmp_path / "light.png", light)]
    paths.append(save(tmp_path / "plain.png", np.full((6, 6), 77, np.uint8)))
    shades = [image[0, 0, 0] for image in image_folders.read(paths, (1, 6, 6))]
    assert shades == [300 * 255 // 4095, 3000 * 255 // 4095, 77]
    shades = [image[0, 0, 0] for image in image_folders.read(paths, (1, 6, 6), full=1000)]
    assert shades == [300 * 255 // 1000, 255, 77]
    assert image_folders.largest(paths) == (3000, True)
    assert image_folders.largest(paths[2:]) is None


@pytest.mark.parametrize(
    ("most", "whole", "full"),
    [
        *((0, True, 1), (1, True, 1), (2, True, 255), (255, True, 255), (256, True, 1023)),
        *((4095, True, 4095), (4096, True, 16383), (65535, True, 65535), (65536, True, 2**17 - 1)),
        *((2**31 - 1, True, 2**31 - 1), (0.2, False, 1), (1.5, False, 1.5)),
    ],
)
def test_white_is_the_most_that_the_bits_hold(most, whole, full):
    assert depth.white(most, whole) == full


def test_deep_pictures_are_turned_as_exif_says(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6  # the right is up
    values = np.full((6, 6), 100, np.uint16)
    values[:, :2] = 4095  # at the left, which then is up
    found = read(save(tmp_path / "a.png", values, turned))[0]
    assert found[:2].min() == 255
    assert found[2:].max() == 6


def test_tools_see_pictures_of_12_bits_as_they_are(tmp_path):
    values = np.zeros((6, 6), np.uint16)
    values[2:4, 2:4] = 2000
    sample = pictures.fit(pictures.load(save(tmp_path / "a.png", values)), (1, 6, 6), None, "a.png")
    assert sample.max() == 2000 * 255 // 2047 or sample.max() == 2000 * 255 // 4095
    framed = pictures.fit(pictures.load(tmp_path / "a.png"), (1, 6, 6), pictures.FRAMES["digits"], "a.png")
    assert framed.min() == 255  # the ink fills the frame


@pytest.mark.parametrize("kind", ["jpg", "png", "gif"])
def test_a_photo_of_108_million_pixels_is_read(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(picture_files, "_LARGE", 10_000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4_000)  # others' limit: it must not matter here
    halves = np.zeros((150, 200, 3), np.uint8)
    halves[:75] = 255
    path = tmp_path / f"a.{kind}"
    Image.fromarray(halves).save(path)
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(picture_files.load, [path] * 16))
    for picture in read:
        assert picture.width * picture.height <= 10_000
        found = np.asarray(picture.convert("L"))
        assert found[: len(found) // 2 - 1].min() > 250
        assert found[len(found) // 2 + 1 :].max() < 5
    picture_files.check(path)
    assert Image.MAX_IMAGE_PIXELS == 4_000


def test_a_picture_that_unpacks_to_far_more_is_refused(tmp_path, monkeypatch):
    Image.new("L", (40, 50)).save(tmp_path / "a.jpg")
    monkeypatch.setattr(picture_files, "MOST", 1_999)
    for work in (picture_files.load, picture_files.check, picture_files.largest):
        with pytest.raises(UserError, match=r"a.jpg: .*it has 0 million pixels; at most .*; make it smaller"):
            work(tmp_path / "a.jpg")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_what_is_wrong_is_said_truly(tmp_path):
    noise = Image.fromarray(RANDOM.integers(0, 256, (60, 60, 3), dtype=np.uint8))
    for kind, name in (("jpg", "JPEG"), ("png", "PNG"), ("gif", "GIF"), ("tif", "TIFF"), ("webp", "WebP")):
        path = tmp_path / f"a.{kind}"
        noise.save(path)
        whole = path.read_bytes()
        for length in (12, len(whole) // 2):
            path.write_bytes(whole[:length])
            for work in (picture_files.load, picture_files.check):
                with pytest.raises(UserError) as caught:
                    work(path)
                assert f"{path}: not a readable picture (it is a damaged {name}" in str(caught.value)
                assert str(caught.value).endswith(("; replace it", "; save it as PNG"))
                assert "PNG or JPEG" not in str(caught.value)
    for content, words in (
        (b"", "it is empty); replace it"),
        (b"hello", "format is not known); save it as PNG or JPEG"),
    ):
        (tmp_path / "b.jpg").write_bytes(content)
        with pytest.raises(UserError, match=words.replace(")", r"\)")):
            picture_files.load(tmp_path / "b.jpg")
    with pytest.raises(UserError, match=r"none.png: not a readable picture \(No such file or directory\)$"):
        picture_files.load(tmp_path / "none.png")
