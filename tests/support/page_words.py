"""The set-up page and the words in it; run as a module, it writes those of the catalogue into the page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import piboothup
from piboothup.booth.panel.i18n.page import page_words
from piboothup.config import LANGUAGES

PAGE = Path(piboothup.__file__).parent / "setup" / "page.html"
BLOCK = re.compile(r'(?<=<script type="application/json" id="words">).*?(?=</script>)', re.DOTALL)


def catalogue() -> str:
    """The words of every language, as they stand in the page."""
    words = json.dumps({code: page_words(code) for code in LANGUAGES}, ensure_ascii=False, indent=0)
    return words.replace("</", r"<\/")


if __name__ == "__main__":
    words = catalogue()
    PAGE.write_text(BLOCK.sub(lambda _: words, PAGE.read_text(encoding="utf-8")), encoding="utf-8")
