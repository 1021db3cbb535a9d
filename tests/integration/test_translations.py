"""The Chinese pages say what the English ones say: the same commands, links, pictures, code and figures."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.test_docs import TRANSLATED, blocks, links, prose


@dataclass(frozen=True)
class Section:
    """A heading's level, and the prose below it."""

    level: int
    title: str
    text: str

    def links(self) -> Counter[str]:
        """How often each target is linked; a Chinese page counts as its English one."""
        return Counter(target.replace(".zh-CN", "") for picture, _, target in links(self.text) if not picture)

    def pictures(self) -> list[str]:
        return [target for picture, _, target in links(self.text) if picture]

    def code(self) -> set[str]:
        return {re.sub(r"\s+", " ", span) for span in re.findall(r"`([^`]+)`", self.text)}

    def figures(self) -> set[str]:
        """Numbers in digits, but for those in the addresses of links."""
        return set(re.findall(r"\d(?:[\d.,]*\d)?", re.sub(r"\]\([^)]*\)", "", self.text)))


def sections(page: Path) -> list[Section]:
    """The sections of a page, in order; the first is what is above its title."""
    parts = re.split(r"^(#+) (.+)$", prose(page), flags=re.MULTILINE)
    marks, titles, texts = ["", *parts[1::3]], ["", *parts[2::3]], parts[::3]
    return [Section(len(mark), title, text) for mark, title, text in zip(marks, titles, texts, strict=True)]


def commands(page: Path) -> list[tuple[str, str]]:
    """The language and text of each block, without comments, which are translated."""
    return [
        (block.language, re.sub(r" +# .*$", "", block.text, flags=re.MULTILINE)) for block in blocks(page)
    ]


def english(page: Path) -> Path:
    return page.with_name(page.name.replace(".zh-CN", ""))


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: page.name)
def test_each_page_begins_with_a_link_to_its_other_language(page):
    assert page.read_text().splitlines()[0] == f"[English]({english(page).name})"
    assert english(page).read_text().splitlines()[0] == f"[中文]({page.name})"


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: page.name)
def test_a_translation_has_the_same_commands(page):
    assert commands(page) == commands(english(page))


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: page.name)
def test_a_translation_has_the_same_sections_with_the_same_facts(page):
    here, there = sections(page), sections(english(page))
    assert [section.level for section in here] == [section.level for section in there]
    for ours, theirs in zip(here, there, strict=True):
        if theirs.level == 0:
            continue
        assert ours.links() == theirs.links(), theirs.title
        assert ours.pictures() == theirs.pictures(), theirs.title
        assert ours.code() == theirs.code(), theirs.title
        # Numbers that English writes in words may be digits in Chinese.
        assert theirs.figures() <= ours.figures(), theirs.title


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: page.name)
def test_a_translation_links_to_translated_pages(page):
    rest = sections(page)[1:]
    for section in rest:
        for picture, _, target in links(section.text):
            path = page.parent / target.partition("#")[0]
            if not picture and path.suffix == ".md" and ".zh-CN" not in path.name:
                translated = path.with_name(f"{path.stem}.zh-CN.md")
                assert not translated.exists(), f"{section.title}: {target}: there is {translated.name}"
