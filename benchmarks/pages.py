"""Pages that hold what a benchmark makes, between two marks."""


def insert(page: str, start: str, end: str, text: str) -> str:
    """The page with the text between its two marks."""
    before, rest = page.split(start)
    return f"{before}{start}\n\n{text}\n\n{end}{rest.split(end)[1]}"
