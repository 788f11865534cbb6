"""The panel in German."""

from __future__ import annotations

from piboothup.booth.words import Fault, Words

WORDS = Words(
    press="Drück!",
    look={"above": "Schau hoch", "below": "Schau runter", "left": "Schau links", "right": "Schau rechts"},
    one_moment="Moment",
    saved="Gespeichert",
    safe="Fotos sind sicher.",
    photos_are_safe="Fotos sind sicher",
    shutting_down="Schalte ab",
    no_photo_yet="Wer macht das erste?",
    kept="{n} sicher",
    all_kept="Fotos sicher",
    no_event="Kein Event",
    offline="Kein WLAN",
    portal="WLAN will Anmeldung: Hotspot nehmen",
    refused="Key falsch",
    paused="Pause",
    stopped="Sendet nicht",
    sending="Sende: noch {n}",
    one_in_album="Es ist im Album",
    all_in_album="Alle {n} im Album",
    parked="{n} im Album, {parked} abgelehnt",
    faults={
        "no_camera": Fault("Keine Kamera", "Stecker ziehen, Kabel andrücken."),
        "camera_busy": Fault("Besetzt", "Anderes Programm beenden."),
        "camera_stuck": Fault("Kein Bild", "Warten, sonst Stecker ziehen."),
        "camera_memory": Fault("Kein Bild", "Stecker ziehen, neu einstecken."),
        "no_frames": Fault("Keine Bilder", "Ordner mit .jpg in die Config."),
        "encode_failed": Fault("Misslungen", "Bitte noch einmal drücken.", "Der Rest ist sicher."),
        "not_saved": Fault("Misslungen", "Bitte noch einmal drücken.", "Der Rest ist sicher."),
        "card_full": Fault("Karte voll", "WLAN geben oder Fotos kopieren."),
        "card_crowded": Fault("Karte voll", "WLAN geben oder Fotos kopieren."),
        "card_readonly": Fault("Karte defekt", "Fotos senden, Karte tauschen."),
        "spool_unusable": Fault("Keine Karte", "Ordner in der Config prüfen.", "Kein Foto gemacht."),
        "button_missing": Fault("Kein Knopf", "Kabel und Pin des Knopfs prüfen."),
    },
    other_fault=Fault("Störung", "Stecker ziehen, neu einstecken."),
    notices={
        "button_stuck": "Knopf klemmt",
        "bad_config": "Fehler in der Config",
        "undervoltage": "Netzteil zu schwach",
        "event_gone": "Event nicht da: {n} sicher",
        "no_key": "Kein API-Key: {n} sicher",
        "tls_refused": "WLAN unsicher: {n} sicher",
        "server_trouble": "Album stumm: {n} sicher",
        "light_missing": "Licht geht nicht",
        "panel_missing": "Panel geht nicht",
    },
)
