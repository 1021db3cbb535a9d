"""Pages that hold what benchmarks make: between two marks, or in a section for each machine."""


def insert(page: str, start: str, end: str, text: str) -> str:
    """The page with the text between its two marks."""
    before, rest = page.split(start)
    return f"{before}{start}\n\n{text}\n\n{end}{rest.split(end, 1)[1]}"


def replace_section(page: str, heading: str, text: str) -> str:
    """The page with the text in its section of this heading (of level 3), which is added if it is missing."""
    top, *sections = page.rstrip("\n").split("\n\n### ")
    found = {section.partition("\n")[0]: section for section in sections}
    found[heading] = f"{heading}\n\n{text}"
    return "\n\n### ".join([top, *found.values()]) + "\n"
