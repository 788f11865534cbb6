"""Settings that have no effect by themselves, as what they are about is switched off. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from piboothup.config.settings import Config, LightConfig, PhotoConfig


def without_effect(config: Config) -> Iterator[tuple[str, str]]:
    """Each such setting, `table.key`, and a sentence on it; not one that has its default."""
    photo, light = config.photo, config.light
    if photo.shots == 1:
        several = "set `photo.shots` to 2, 3 or 4 too"
        yield from _told("photo.strip", several, alone=photo.strip is not False)
        yield from _told("photo.gap_s", several, alone=photo.gap_s != PhotoConfig().gap_s)
    instead = "name a `photo.frame`, or set `photo.strip` with several `photo.shots`"
    yield from _told("photo.originals", instead, alone=not photo.originals and not photo.composes)
    is_led = not light.flash_pin and light.flash_lead_s != LightConfig().flash_lead_s
    yield from _told("light.flash_lead_s", "name the pin of the flash as `light.flash_pin` too", alone=is_led)
    has_frames = bool(config.camera.frames) and config.camera.driver != "simulated"
    yield from _told("camera.frames", 'they are for `camera.driver = "simulated"`', alone=has_frames)
    event = config.eventpics
    has_no_event = bool(event.album_id) and not event.link_id
    yield from _told("eventpics.album_id", "name its event as `eventpics.link_id` too", alone=has_no_event)
    has_key = event.api_key is not None and bool(event.api_key_file)
    yield from _told("eventpics.api_key_file", "`eventpics.api_key` goes before it: leave one out", alone=has_key)


def _told(dotted: str, remedy: str, *, alone: bool) -> Iterator[tuple[str, str]]:
    if alone:
        yield dotted, f"`{dotted}` has no effect by itself: {remedy}."
