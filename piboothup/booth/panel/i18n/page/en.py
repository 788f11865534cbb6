"""The set-up page in English."""

from __future__ import annotations

from piboothup.booth.panel.i18n.page import PageTexts

TEXTS = PageTexts(
    language_name="English",
    page_language="Language of this page",
    title="Set up your photo booth",
    intro=(
        "Fill in what you need, then hold this screen before the booth's lens. The page works without a "
        "network and keeps nothing."
    ),
    event_title="Event",
    event_intro="Where the photos go. The booth takes photos without it too, and keeps them.",
    key="EventPics API key",
    key_where="Where do I find it?",
    key_step_1="Open your event in the EventPics app, or in its web app.",
    key_step_2="In the event, open the API key management.",
    key_step_3="Make a key for the booth, copy it, and paste it here.",
    show="Show",
    hide="Hide",
    show_field="Show: {field}",
    hide_field="Hide: {field}",
    load="Load events",
    load_note="Sends the key to EventPics, and to nobody else. Nothing is sent before you press it.",
    loading="Asking EventPics …",
    loaded="Events found: {count}",
    no_events="EventPics shows no event for this key. Make one in the app, or paste its link below.",
    key_refused="EventPics refuses this key. Copy it again, whole, or make a new one.",
    odd_answer="EventPics answered with an error ({status}). Try again, or paste the guests' link below.",
    no_answer=(
        "No answer: there is no network here, or EventPics answers no page in a browser. Paste the guests' "
        "link below."
    ),
    event="Event",
    event_later="Choose it later, at the booth",
    event_by_link="Another one: by its link",
    album="Album",
    album_by_booth="Let the booth choose",
    link="Or the link for the guests",
    link_note="The one that EventPics gives you to share, such as https://app.eventpics.net/…",
    wifi_title="Wi-Fi",
    wifi_intro="If the booth is to send photos while it stands there. Small boxes hear networks of 2.4 GHz only.",
    ssid="Name of the network",
    password="Password",
    security="Protection",
    security_wpa="WPA2, or WPA2 and WPA3",
    security_sae="WPA3 only",
    security_open="None: an open network",
    hidden="The network is hidden",
    blank="It begins or ends with a blank. Is that right?",
    box_title="The booth",
    box_intro="What is left out stays as it is.",
    name="Name, as on its screen",
    country="Country it stands in",
    language="Language of its screen",
    zone="Time zone",
    bring_title="To the booth",
    show_code="Show the code",
    show_code_note=(
        "Hold it before the lens. In the booth's menu (hold its button for five seconds, let go) choose “{set_up}”."
    ),
    save_file="Save the file for the card",
    save_file_note=(
        "Copy piboothup.toml into the partition of the card that every computer opens (bootfs). The booth "
        "reads it when it starts. It is as secret as the code."
    ),
    print_card="Print the set-up card",
    print_card_note="With the code and what to do with it, for whoever unpacks the booth.",
    print_lid="Print the card for the lid",
    print_lid_note=(
        "For the guests: how to press, what the light says, and the album's code, if the event is filled in."
    ),
    key_warning=(
        "The code holds the key of your whole EventPics account. Whoever photographs it has that key: show "
        "it to nobody but the booth."
    ),
    wrong_key="This is no key. Copy it from EventPics, whole, without spaces.",
    no_key="Paste the key first.",
    wrong_link="This is no event's link. Copy the one that guests open.",
    wrong_ssid="The name is too long: a network's has at most 32 letters (umlauts count twice).",
    no_ssid="There is a password, but no name.",
    no_password="Type in the password, or choose “None: an open network” below.",
    wrong_password="This can't be its password: it has 8 to 63 characters.",
    long_password="This can't be its password: it has at most 128 characters.",
    no_country="Choose it: it decides on which channels Wi-Fi may send.",
    wrong_name="Make it shorter: at most 40 letters.",
    odd_character="There is a character in it that nobody can see. Delete all, and type it in by hand.",
    nothing="Nothing is filled in yet.",
    too_long=(
        "This is too much for a code that the booth can read. Leave out the Wi-Fi or the name, "
        "or save the file for the card."
    ),
    code="The booth's code",
    hold_still="Hold this before the lens",
    close="Close",
    bright="Turn the screen as bright as it goes, and hold it still, 20 to 25 cm from the lens.",
    dark_screen=(
        "Your screen is set to dark. Make it brighter, and if the code is not black on white, switch dark mode off."
    ),
    parts="In it: {parts}",
    part_key="API key",
    part_event="event {event}",
    part_wifi="Wi-Fi {ssid}",
    part_name="name {name}",
    card_title="Photo booth",
    card_step_1="Plug the booth in. It takes photos at once.",
    card_step_2="Hold its button for five seconds, let go, and choose “{set_up}” in the menu.",
    card_step_3="Hold this card before the lens, 20 to 25 cm away, and agree to what the screen asks.",
    lid_title="Press the button",
    lid_step_1="Press once, and stand together.",
    lid_step_2="Look into the lens while it counts.",
    lid_step_3="“{saved}”: your photo is safe.",
    light_title="What the light says",
    light_ready="breathes: ready, press",
    light_counts="blinks: it counts down",
    light_saved="twice: your photo is saved",
    light_busy="flickers: one moment",
    light_trouble="slowly: read the screen",
    lid_album_title="{your_photos}",
    lid_album="Scan the code with your phone.",
    lid_album_place="the album's code",
    fill_first="Fill in the page first",
    file_comment="For the booth: copy this file into the card's partition bootfs. It holds secrets.",
    footer=(
        "This page sends nothing but the key to EventPics, when you load the events. It stores nothing: "
        "close it, and all is forgotten."
    ),
)
