"""Catalogue of problems: each a code, a sentence and a remedy.

Panel, command line, status and docs all take their words from here, so that a host and whoever helps by phone read
the same sentence. A problem never contains a key, a signed URL or a stack trace.
"""

from __future__ import annotations

from piboothup.records import dataclass
from piboothup.system_problems import SYSTEM_PROBLEMS


@dataclass(frozen=True)
class Problem:
    """Problem to report to a person. `code` is stable: people read it out on the phone."""

    code: str
    sentence: str
    remedy: str
    detail: str = ""
    """A few words that make the sentence exact (a path, a number); may be empty."""

    def __str__(self) -> str:
        what = f"{self.sentence[:-1]} ({self.detail})." if self.detail else self.sentence
        return f"{what} {self.remedy}"


_PIN = "Its pin can't be opened: `sudo piboothup doctor` says why."
_CATALOGUE: dict[str, tuple[str, str]] = {
    # camera
    "no_camera": (
        "No camera was found.",
        "Switch off, push the camera's flat cable in at both ends, switch on.",
    ),
    "no_picamera2": (
        "The camera's software can't be started.",
        "Run `sudo apt install --reinstall python3-picamera2`; if it stays, `sudo apt full-upgrade`.",
    ),
    "camera_busy": ("Another program is using the camera.", "Stop it; the booth tries again by itself."),
    "camera_stuck": ("The camera stopped giving pictures.", "The booth restarts it by itself; press again."),
    "no_photos": (
        "Photos are not taken: the camera gives none.",
        "Switch the box off and on; if it stays, push the camera's flat cable in at both ends.",
    ),
    "camera_memory": ("Memory is short for the camera's full size.", "A smaller size is used; restart the box."),
    "camera_size": ("The camera lacks the size in the config.", "Mend size in [camera], or leave it out."),
    "camera_tuning": (
        "The camera's tuning file can't be used.",
        "Mend tuning in [camera]; the sensor's own is used.",
    ),
    "no_frames": ("The folder of frames can't be used.", "Name a folder with .jpg files in [camera] frames."),
    "encode_failed": ("The photo could not be turned into a JPEG.", "Press again."),
    "photo_dark": (
        "The test photo is dark.",
        "Bring more light, or raise max_exposure_ms or max_gain in [camera].",
    ),
    "photo_blurred": (
        "The test photo is blurred.",
        "Wipe the lens, take off its film, focus it (or set focus_m in [camera]).",
    ),
    # photo frame
    "frame_missing": (
        "The photo frame can't be read.",
        "Name its PNG file in [photo] frame, or none; photos go on without it.",
    ),
    "frame_format": (
        "The photo frame is no PNG file.",
        "Save it as a PNG with a transparent part; photos go on without it.",
    ),
    "frame_broken": (
        "The photo frame's file is damaged.",
        "Save it as a PNG once more; photos go on without it.",
    ),
    "frame_large": (
        "The photo frame is too large.",
        "Save it with at most 4000x3000 pixels and 20 MB; photos go on without it.",
    ),
    "frame_animated": (
        "The photo frame is animated.",
        "Save a single picture of it; photos go on without it.",
    ),
    "frame_depth": (
        "The photo frame has 16 bits per colour.",
        "Save it with 8 bits; photos go on without it.",
    ),
    "frame_opaque": (
        "The photo frame has no transparent part: it would hide the photo.",
        "Save it with transparency (alpha); photos go on without it.",
    ),
    "frame_memory": (
        "Memory is short for the photo frame.",
        "The last photo went without it; restart the box, or make the frame smaller.",
    ),
    "frame_failed": (
        "The last photo could not be framed.",
        "It went without the frame; if that stays, switch the box off and on.",
    ),
    # strip
    "strip_memory": (
        "Memory is short for the strip.",
        "The last photos went without it; if that stays, restart the box.",
    ),
    "strip_failed": (
        "The last photos could not be put on a strip.",
        "They went without it; if that stays, switch the box off and on.",
    ),
    # card
    "card_full": (
        "The card is full.",
        "Photos are safe. Let the booth upload, wipe old photos once they are copied, or use a larger card.",
    ),
    "card_crowded": (
        "The card has no room for more files.",
        "Photos are safe. Let the booth upload, or wipe old photos once they are copied.",
    ),
    "card_readonly": ("The card can't be written any more.", "Photos are safe. Change the card."),
    "card_stuck": (
        "The card does not answer; the last photo is not saved yet.",
        "Wait a minute; if it stays so, pull the plug and plug it in again.",
    ),
    "not_taken_back": ("The photo could not be taken back.", "Tell the host; then press again."),
    "not_saved": ("The last photo was not saved.", "Press again."),
    "unsaved_jpeg": (
        "Photos are not saved: they can't be turned into JPEGs.",
        "Switch the box off and on; if it stays, install the newest software.",
    ),
    "unsaved_exif": (
        "Photos are not saved: their EXIF can't be written.",
        "Switch the box off and on; if it stays, install the newest software.",
    ),
    "unsaved_ram": (
        "Photos are not saved: memory is short.",
        "Switch the box off and on; if it stays, set a smaller size in [camera].",
    ),
    "unsaved_limit": (
        "Photos are not saved: no file may be as large as a photo.",
        "Lift the service's limit on the size of files (LimitFSIZE), and start it again.",
    ),
    "unsaved_card": (
        "Photos are not saved: the card does not take them.",
        "Switch the box off and on; if it stays, change the card.",
    ),
    "unsaved_defect": (
        "Photos are not saved: the software makes a mistake.",
        "Switch the box off and on; if it stays, install the newest software.",
    ),
    "spool_unusable": ("The spool can't be used.", "Check [spool] directory in the config."),
    "spool_newer": (
        "The spool was made by newer software than this.",
        "Install the newest piboothup; the photos are kept.",
    ),
    "spool_missing": (
        "The spool's disk is missing.",
        "Plug it in, or name another folder in [spool] directory.",
    ),
    "spool_busy": (
        "Another booth or a wipe uses the spool.",
        "Wait until it is done, or stop it; the booth goes on by itself.",
    ),
    "spool_locked": (
        "The spool's lock is another user's.",
        "End the piboothup that this user runs, and delete .booth.lock or .uploader.lock in the spool: it is made "
        "anew. Photos are kept.",
    ),
    "spool_memory": (
        "The photos lie in memory: they would be lost at power-off.",
        "Switch off the overlay file system in `sudo raspi-config`, or name a folder on a disk in [spool] directory.",
    ),
    "spool_split": (
        "A folder of the spool lies on another disk.",
        "Let the whole of [spool] directory be on one disk.",
    ),
    "storage_unknown": (
        "Whether photos outlive power-off can't be told here: the spool lies in a container or over another folder.",
        "Name a folder on a disk in [spool] directory.",
    ),
    "photos_hidden": (
        "Photos wait under a disk that came later, or on one that is gone.",
        "Stop both services (`sudo systemctl stop piboothup-{booth,uploader}`), unmount the disk or put the other "
        "one back, and start them; when those photos are sent, `piboothup queue retry`.",
    ),
    # config
    "bad_config": ("The config has a mistake.", "Mend the file; photos go on with the last good settings."),
    "config_default": (
        "The config has a mistake, and no last good settings are here.",
        "Mend the file; photos go on with the settings of a new box.",
    ),
    "card_file": (
        "The file piboothup.toml on the card has a mistake.",
        "Mend it: piboothup-status.txt beside it, or `piboothup setup status`, says the line and the remedy.",
    ),
    "unused_setting": (
        "A setting in the config has no effect.",
        "Mend it: `piboothup status` says which and why.",
    ),
    "config_late": (
        "The config has a mistake or lost its end, and its last good settings came late.",
        "Mend the file, or restart the box: then they are used.",
    ),
    "choices_damaged": (
        "What was chosen at the box can't be read.",
        "Choose the event again in the menu, or name it by a code or on the card. Photos are kept.",
    ),
    # network and server
    "no_network": ("There is no network.", "Photos are kept and sent later."),
    "wifi_off": (
        "The Wi-Fi is switched off.",
        "Write its country in piboothup.toml on the card, or set it with `sudo raspi-config`. Photos are kept.",
    ),
    "wifi_missing": (
        "The Wi-Fi is not connected.",
        "Bring the box nearer, or use a phone's hotspot. Photos are kept.",
    ),
    "wifi_no_address": (
        "The Wi-Fi gives the box no address.",
        "Switch the router or hotspot off and on. Photos are kept.",
    ),
    "wifi_weak": ("The Wi-Fi is weak.", "Bring the box nearer to it. Photos are kept."),
    "portal": ("This Wi-Fi wants a sign-in page.", "Use a phone's hotspot. Photos are kept."),
    "blocked": (
        "EventPics is blocked here.",
        "Use another network, such as a phone's hotspot. Photos are kept.",
    ),
    "tls_refused": ("The server's certificate can't be trusted.", "Use another network. Photos are kept."),
    "no_roots": (
        "This box has no certificates by which to trust any server.",
        "Run `sudo apt install --reinstall ca-certificates`; another network would not help. Photos are kept.",
    ),
    "key_refused": (
        "EventPics refuses the API key.",
        "Make a new key in the EventPics app. Photos are kept.",
    ),
    "no_key": (
        "There is no API key yet.",
        "Put the key from the EventPics app in piboothup.toml on the card, or in the config. Photos are kept.",
    ),
    "no_event": (
        "No event is chosen yet.",
        "Choose it in the menu, or put its link_id in piboothup.toml on the card. Photos are kept.",
    ),
    "event_gone": (
        "EventPics does not know the event.",
        "Choose it again in the menu, or check link_id in the config; photos of one that was deleted go to another "
        "with `piboothup queue assign`. Photos are kept.",
    ),
    "event_refused": (
        "EventPics lets the API key add nothing to the event.",
        "Check the event and the key in its app. Photos are kept.",
    ),
    "server_trouble": ("EventPics answers with an error.", "Photos are kept and tried again by themselves."),
    "storage_silent": (
        "The photo storage does not answer.",
        "Another network may help. Photos are kept.",
    ),
    "key_untried": ("Nobody knows whether the key is good.", "Give the box a network for a minute."),
    "uploader_stopped": ("The uploader does not run.", "Switch the box off and on. Photos are kept."),
    "uploader_defect": (
        "The uploader met a mistake of its own.",
        "It tries again by itself; if not, switch the box off and on. Photos are kept.",
    ),
    "photo_damaged": (
        "A photo's bytes have changed on the card.",
        "It is kept apart, not sent. Change the card.",
    ),
    "photo_unreadable": ("A photo can't be read from the card.", "The others are sent. Change the card."),
    "paused": (
        "Uploading is paused.",
        "Choose Photos, Send in the menu, or run `piboothup queue retry`; where the config says [upload] paused = "
        "true, set it to false. Photos are kept.",
    ),
    # the rest of the box
    "undervoltage": ("The supply is too weak.", "Use the official power supply and a short cable."),
    "clock_unknown": ("The clock is not set.", "Give the box a network for a minute."),
    "old_photos": ("The card holds photos of other events.", "Wipe them: in the menu, or `piboothup queue wipe`."),
    "stray_photos": (
        "Photos were taken before an event was chosen.",
        "Choose the event in the menu, which asks whether they go along, or use `piboothup queue assign`.",
    ),
    "runtime_full": (
        "The memory of /run is full: the status can't be written.",
        "Delete what fills it; photos go on.",
    ),
    "not_checked": ("A part of the box can't be checked.", "Switch the box off and on, and check again."),
    "hot": ("The box is too hot.", "Give it air and shade; photos go on."),
    "panel_missing": ("The panel does not answer.", "Check its four wires. Photos go on."),
    "buzzer_missing": ("The buzzer does not work.", f"{_PIN} Photos go on."),
    "light_missing": ("The light does not work.", f"{_PIN} Photos go on."),
    "button_stuck": ("The button is stuck down.", "Free it; it works again as soon as it is let go."),
    "button_silent": ("No press came.", "Check the button's wires, and its pin in the config."),
    "button_missing": ("The button does not work.", _PIN),
    **SYSTEM_PROBLEMS,
}


FRAME_CODES = tuple(code for code in _CATALOGUE if code.startswith("frame_"))
"""Why photos go without their frame."""
STRIP_CODES = ("strip_memory", "strip_failed")
"""Why photos go without their strip."""


def problem(code: str, detail: str = "") -> Problem:
    """The catalogue's problem `code`, with `detail` (a few words, never a secret).

    Raises KeyError for a code that is not in the catalogue: a defect, not bad input.
    """
    sentence, remedy = _CATALOGUE[code]
    return Problem(code, sentence, remedy, detail)


def codes() -> tuple[str, ...]:
    """Every code, in the catalogue's order."""
    return tuple(_CATALOGUE)
