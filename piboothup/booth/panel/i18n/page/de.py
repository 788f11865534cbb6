"""The set-up page in German."""

from __future__ import annotations

from piboothup.booth.panel.i18n.page import PageTexts

TEXTS = PageTexts(
    language_name="Deutsch",
    page_language="Sprache dieser Seite",
    title="Fotobox einrichten",
    intro=(
        "Fülle aus, was du brauchst, und halte dann diesen Bildschirm vor die Linse der Fotobox. Die Seite "
        "braucht kein Netz und merkt sich nichts."
    ),
    event_title="Event",
    event_intro="Wohin die Fotos gehen. Auch ohne macht die Box Fotos und hebt sie auf.",
    key="API-Key von EventPics",
    key_where="Wo finde ich ihn?",
    key_step_1="Öffne dein Event in der EventPics-App oder im Browser.",
    key_step_2="Öffne im Event die Verwaltung der API-Keys.",
    key_step_3="Erstelle einen Key für die Box, kopiere ihn und füge ihn hier ein.",
    show="Zeigen",
    hide="Verbergen",
    show_field="Zeigen: {field}",
    hide_field="Verbergen: {field}",
    load="Events laden",
    load_note="Sendet den Key an EventPics und an niemanden sonst. Vorher wird nichts gesendet.",
    loading="Frage EventPics …",
    loaded="Gefundene Events: {count}",
    no_events="EventPics zeigt für diesen Key kein Event. Lege eines in der App an, oder füge unten seinen Link ein.",
    key_refused="EventPics lehnt diesen Key ab. Kopiere ihn noch einmal ganz, oder erstelle einen neuen.",
    odd_answer=(
        "EventPics antwortet mit einem Fehler ({status}). Versuche es noch einmal, oder füge unten den Link "
        "für die Gäste ein."
    ),
    no_answer=(
        "Keine Antwort: hier ist kein Netz, oder EventPics antwortet keiner Seite im Browser. Füge unten den "
        "Link für die Gäste ein."
    ),
    event="Event",
    event_later="Später an der Box wählen",
    event_by_link="Ein anderes: über seinen Link",
    album="Album",
    album_by_booth="Die Box wählen lassen",
    link="Oder der Link für die Gäste",
    link_note="Der Link, den EventPics dir zum Teilen gibt, etwa https://app.eventpics.net/…",
    wifi_title="WLAN",
    wifi_intro="Wenn die Box vor Ort senden soll. Kleine Boxen hören nur Netze mit 2,4 GHz.",
    ssid="Name des Netzes",
    password="Passwort",
    security="Schutz",
    security_wpa="WPA2, oder WPA2 und WPA3",
    security_sae="Nur WPA3",
    security_open="Keiner: ein offenes Netz",
    hidden="Das Netz ist versteckt",
    blank="Am Anfang oder Ende steht ein Leerzeichen. Ist das richtig?",
    box_title="Die Box",
    box_intro="Was fehlt, bleibt an der Box, wie es ist.",
    name="Name, wie auf ihrem Bildschirm",
    country="Land, in dem sie steht",
    language="Sprache ihres Bildschirms",
    zone="Zeitzone",
    bring_title="Zur Box",
    show_code="Code zeigen",
    show_code_note=(
        "Halte ihn vor die Linse. Im Menü der Box (Knopf fünf Sekunden halten, loslassen) wähle „{set_up}“."
    ),
    save_file="Datei für die Karte speichern",
    save_file_note=(
        "Kopiere piboothup.toml auf die Partition der Karte, die jeder Computer öffnet (bootfs). Die Box "
        "liest sie beim Start. Sie ist so geheim wie der Code."
    ),
    print_card="Einrichtungskarte drucken",
    print_card_note="Mit dem Code und was damit zu tun ist, für alle, die die Box auspacken.",
    print_lid="Karte für den Deckel drucken",
    print_lid_note=(
        "Für die Gäste: wie man drückt, was das Licht sagt, und der Code des Albums, wenn das Event ausgefüllt ist."
    ),
    key_warning=(
        "Im Code steckt der Key zu deinem ganzen EventPics-Konto. Wer ihn fotografiert, hat diesen Key: "
        "zeige ihn nur der Box."
    ),
    wrong_key="Das ist kein Key. Kopiere ihn ganz und ohne Leerzeichen von EventPics.",
    no_key="Füge zuerst den Key ein.",
    wrong_link="Das ist kein Link eines Events. Kopiere den, den die Gäste öffnen.",
    wrong_ssid="Der Name ist zu lang: ein Netz hat höchstens 32 Buchstaben (Umlaute zählen doppelt).",
    no_ssid="Hier fehlt der Name zum Passwort.",
    no_password="Gib das Passwort ein, oder wähle unten „Keiner: ein offenes Netz“.",
    wrong_password="Das kann nicht das Passwort sein: es hat 8 bis 63 Zeichen.",
    long_password="Das kann nicht das Passwort sein: es hat höchstens 128 Zeichen.",
    no_country="Wähle es: danach richten sich die erlaubten WLAN-Kanäle.",
    wrong_name="Mach ihn kürzer: höchstens 40 Buchstaben.",
    odd_character="Darin steht ein Zeichen, das man nicht sieht. Lösche alles und tippe es von Hand ein.",
    nothing="Es ist noch nichts ausgefüllt.",
    too_long=(
        "Das ist zu viel für einen Code, den die Box lesen kann. Lass das WLAN oder den Namen weg, "
        "oder speichere die Datei für die Karte."
    ),
    code="Der Code für die Box",
    hold_still="Halte das vor die Linse",
    close="Schließen",
    bright="Stelle den Bildschirm ganz hell und halte ihn ruhig, 20 bis 25 cm vor die Linse.",
    dark_screen=(
        "Dein Bildschirm ist auf dunkel gestellt. Mach ihn heller, und schalte den Dunkelmodus aus, wenn der "
        "Code nicht schwarz auf weiß ist."
    ),
    parts="Darin: {parts}",
    part_key="API-Key",
    part_event="Event {event}",
    part_wifi="WLAN {ssid}",
    part_name="Name {name}",
    card_title="Fotobox",
    card_step_1="Steck die Box ein. Sie macht sofort Fotos.",
    card_step_2="Halte ihren Knopf fünf Sekunden, lass los und wähle „{set_up}“ im Menü.",
    card_step_3="Halte diese Karte 20 bis 25 cm vor die Linse und bestätige, was der Bildschirm fragt.",
    lid_title="Drück den Knopf",
    lid_step_1="Einmal drücken und zusammenrücken.",
    lid_step_2="In die Linse schauen, solange es zählt.",
    lid_step_3="„{saved}“: Euer Foto ist gespeichert.",
    light_title="Was das Licht sagt",
    light_ready="atmet: bereit, drück",
    light_counts="blinkt: es zählt",
    light_saved="zweimal: Foto gespeichert",
    light_busy="flackert: einen Moment",
    light_trouble="langsam: Bildschirm lesen",
    lid_album_title="{your_photos}",
    lid_album="Den Code mit dem Handy scannen.",
    lid_album_place="der Code des Albums",
    fill_first="Fülle zuerst die Seite aus",
    file_comment="Für die Box: kopiere diese Datei auf die Partition bootfs der Karte. Sie ist geheim.",
    footer=(
        "Diese Seite sendet nichts außer dem Key an EventPics, wenn du die Events lädst. Sie speichert "
        "nichts: schließ sie, und alles ist vergessen."
    ),
)
