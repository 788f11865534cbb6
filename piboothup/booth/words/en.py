"""The panel in English."""

from __future__ import annotations

from piboothup.booth.words import Fault, Words

WORDS = Words(
    press="Press",
    look={"above": "Look up", "below": "Look down", "left": "Look left", "right": "Look right"},
    one_moment="One moment",
    saved="Saved",
    safe="Your photos are safe.",
    photos_are_safe="Photos are safe",
    shutting_down="Shutting down",
    no_photo_yet="Be the first!",
    kept="{n} kept",
    all_kept="photos kept",
    no_event="No event",
    offline="No Wi-Fi",
    portal="Wi-Fi asks for login: use hotspot",
    refused="Key refused",
    paused="Paused",
    stopped="Not sending",
    sending="Sending: {n} to go",
    one_in_album="It is in the album",
    all_in_album="All {n} in the album",
    parked="{n} in the album, {parked} refused",
    faults={
        "no_camera": Fault("No camera", "Pull the plug, push in the camera cable."),
        "camera_busy": Fault("Camera busy", "Another program has the camera."),
        "camera_stuck": Fault("No picture", "Wait. If it stays: pull the plug, plug in."),
        "camera_memory": Fault("No picture", "Pull the plug, plug in again."),
        "no_frames": Fault("No frames", "Name a folder of .jpg files in the config."),
        "encode_failed": Fault("Not saved", "That one was lost. Press again.", "The others are safe."),
        "not_saved": Fault("Not saved", "That one was lost. Press again.", "The others are safe."),
        "card_full": Fault("Card full", "Give me Wi-Fi, or copy photos off."),
        "card_crowded": Fault("Card full", "Give me Wi-Fi, or copy photos off."),
        "card_readonly": Fault("Card broken", "Send the photos, then change the card."),
        "spool_unusable": Fault("No card", "Check the folder in the config.", "No photo is taken."),
        "button_missing": Fault("No button", "Check its wires and its pin."),
    },
    other_fault=Fault("Out of order", "Pull the plug, plug in again."),
    notices={
        "button_stuck": "Button stuck",
        "bad_config": "Mistake in the config",
        "undervoltage": "Weak power supply",
        "event_gone": "Event not found: {n} kept",
        "no_key": "No API key: {n} kept",
        "tls_refused": "Unsafe Wi-Fi: {n} kept",
        "server_trouble": "Album not answering: {n} kept",
        "light_missing": "Light not working",
        "panel_missing": "Panel not working",
    },
)
