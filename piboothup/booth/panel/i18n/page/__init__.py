"""Texts of the set-up page (`setup/page.html`) and of the printed cards: one module for each language.

The page carries them inside it, as it is one file; a test holds it to this catalogue, and
`python -m tests.support.page_words` writes them into it. The lid's card of hardware/ is made of the same words.
`{name}` stands for a value; `{set_up}` is the way through the panel's menu, `{saved}` and `{your_photos}` are the
panel's words.
"""

from __future__ import annotations

import importlib

from piboothup.booth.panel.i18n import texts
from piboothup.records import dataclass, fields


@dataclass(frozen=True)
class PageTexts:
    """Texts of a language, in the order of the page."""

    language_name: str
    page_language: str
    title: str
    intro: str
    event_title: str
    event_intro: str
    key: str
    key_where: str
    key_step_1: str
    key_step_2: str
    key_step_3: str
    show: str
    hide: str
    show_field: str
    hide_field: str
    load: str
    load_note: str
    loading: str
    loaded: str
    no_events: str
    key_refused: str
    odd_answer: str
    no_answer: str
    event: str
    event_later: str
    event_by_link: str
    album: str
    album_by_booth: str
    link: str
    link_note: str
    wifi_title: str
    wifi_intro: str
    ssid: str
    password: str
    security: str
    security_wpa: str
    security_sae: str
    security_open: str
    hidden: str
    blank: str
    box_title: str
    box_intro: str
    name: str
    country: str
    language: str
    zone: str
    bring_title: str
    show_code: str
    show_code_note: str
    save_file: str
    save_file_note: str
    print_card: str
    print_card_note: str
    print_lid: str
    print_lid_note: str
    key_warning: str
    wrong_key: str
    no_key: str
    wrong_link: str
    wrong_ssid: str
    no_ssid: str
    no_password: str
    wrong_password: str
    long_password: str
    no_country: str
    wrong_name: str
    odd_character: str
    nothing: str
    too_long: str
    code: str
    hold_still: str
    close: str
    bright: str
    dark_screen: str
    parts: str
    part_key: str
    part_event: str
    part_wifi: str
    part_name: str
    card_title: str
    card_step_1: str
    card_step_2: str
    card_step_3: str
    lid_title: str
    lid_step_1: str
    lid_step_2: str
    lid_step_3: str
    light_title: str
    light_ready: str
    light_counts: str
    light_saved: str
    light_busy: str
    light_trouble: str
    lid_album_title: str
    lid_album: str
    lid_album_place: str
    fill_first: str
    file_comment: str
    footer: str


def page_words(language: str) -> dict[str, str]:
    """The texts of `language`, such as "de", by their names."""
    catalogue: PageTexts = importlib.import_module(f"{__name__}.{language}").TEXTS
    says = texts(language)
    items = says.menu.items
    panel = {
        "{set_up}": f"{items['set_up']}: {items['read_code']}",
        "{saved}": says.saved,
        "{your_photos}": says.your_photos,
    }
    said = {field.name: getattr(catalogue, field.name) for field in fields(PageTexts)}
    for word, text in panel.items():
        said = {name: value.replace(word, text) for name, value in said.items()}
    return said
