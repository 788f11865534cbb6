"""The catalogue's problems of the system under the services, which only `piboothup doctor` can see."""

from __future__ import annotations

SYSTEM_PROBLEMS: dict[str, tuple[str, str]] = {
    "system_old": (
        "This Raspberry Pi OS is too old.",
        'Write a new card with one of Debian 13 "trixie"; copy the photos off first: `piboothup queue export`.',
    ),
    "library_unfit": (
        "A library is missing or too old.",
        "Install the package again, which brings it: `sudo apt install --no-install-recommends ./piboothup_*.deb`.",
    ),
    "account_missing": (
        "A service's user is missing or lacks a group.",
        "Run `sudo systemd-sysusers`, then `sudo systemctl restart piboothup-booth piboothup-uploader`.",
    ),
    "groups_missing": (
        "You are not in the groups of button, panel and camera.",
        "Run `sudo usermod -aG gpio,i2c,video $USER` and log in again.",
    ),
    "files_unfit": (
        "A folder or file of the booth's has another owner or mode than it should.",
        "`sudo piboothup doctor --fix` mends it.",
    ),
    "request_stale": (
        "The menu's requests to the system are not taken.",
        "`sudo piboothup doctor --fix` removes them; then `sudo systemctl enable --now piboothup-requests.path`.",
    ),
    "old_setup": (
        "The box was set up by hand before, and that still wins over the package.",
        "Install the package again, which sets it aside, or move it away and restart the box.",
    ),
    "drop_in_lost": (
        "A setting of the booth's is overridden by another file.",
        "Delete that line, or rename its file so that it sorts before 90-piboothup.conf; restart the box.",
    ),
    "spool_closed": (
        "A service may not write where the photos lie.",
        "Run `sudo chgrp piboothup FOLDER`, `sudo chmod 2770 FOLDER`; where its unit shuts it, restart the box.",
    ),
    "config_missing": (
        "There is no config yet.",
        "Run `sudo cp /usr/share/piboothup/config.toml /etc/piboothup/`. Photos are taken and kept.",
    ),
    "booth_stopped": (
        "The booth does not run: a press takes no photo.",
        "Run `sudo systemctl enable --now piboothup-booth`; `journalctl -u piboothup-booth` says why it ended.",
    ),
    "service_old": (
        "A service still runs an earlier version.",
        "Run `sudo systemctl restart piboothup-booth piboothup-uploader`.",
    ),
    "bus_missing": (
        "The panel's I2C bus is switched off.",
        "Run `sudo raspi-config nonint do_i2c 0` and restart the box. Photos go on.",
    ),
    "bus_slow": (
        "The panel's I2C bus is slow: a picture takes four times as long.",
        "Write `dtparam=i2c_arm_baudrate=400000` under [all] in /boot/firmware/config.txt and restart the box.",
    ),
    "panel_elsewhere": (
        "A panel answers, but at another address than the config's.",
        "Set address in [panel] to it.",
    ),
    "panel_chip": (
        "The panel has another chip than the config's.",
        "Set driver in [panel] to it.",
    ),
    "pin_busy": (
        "Another program or driver holds a pin in the config.",
        "End it, or give it another pin.",
    ),
    "pin_taken": (
        "A pin in the config is used by the system.",
        "Give it another pin, or delete that line of /boot/firmware/config.txt and restart the box.",
    ),
    "queue_old": ("Photos wait for more than a day.", "Give the box a network. Photos are kept."),
    "photos_parked": (
        "The album does not take some photos.",
        "`piboothup queue list` says why, `piboothup queue retry` tries them again.",
    ),
    "photos_lost": (
        "A repair of the disk has put photos into its lost+found.",
        "`sudo piboothup doctor --fix` copies them back; the booth's next start takes them in.",
    ),
    "undervoltage_before": (
        "The supply was too weak at some time since power-on.",
        "Use the official power supply and a short cable.",
    ),
    "throttled_before": (
        "The box was slowed down by heat or a weak supply since power-on.",
        "Give it air and shade, and the official power supply.",
    ),
    "wifi_country": (
        "The Wi-Fi has no country set.",
        "Run `sudo raspi-config nonint do_wifi_country DE` with yours. Photos are kept.",
    ),
    "wifi_hash": (
        "A Wi-Fi's passphrase is stored as a hash, which WPA3 can't use.",
        "Run `sudo nmcli connection modify NAME wifi-sec.psk PASSPHRASE` with its name and its passphrase.",
    ),
    "wifi_wpa3": (
        "The Wi-Fi is not connected: this Pi's radio knows no WPA3.",
        "Let the router offer WPA2 too, or use a phone's hotspot. Photos are kept.",
    ),
    "wifi_band": (
        "The Wi-Fi is not connected: it is one of 5 GHz, this Pi's radio knows 2.4 GHz alone.",
        "Let the router offer 2.4 GHz too, or use a phone's hotspot. Photos are kept.",
    ),
    "wifi_mask": (
        "The Wi-Fi's driver offers WPA3, which this Pi's radio can't do: networks of WPA2 and WPA3 may fail.",
        "`sudo piboothup doctor --fix` tells the driver so; then restart the box.",
    ),
    "wifi_saves_power": (
        "The Wi-Fi saves power: uploads stall on it.",
        "Run `sudo nmcli connection modify NAME 802-11-wireless.powersave 2` with its name, and restart the box.",
    ),
    "watchdog_off": (
        "The hardware watchdog is off: a box that hangs stays so.",
        "Write RuntimeWatchdogSec=1m under [Manager] in /etc/systemd/system.conf.d/90-piboothup.conf; restart.",
    ),
    "user_awaited": (
        "The system waits at a keyboard for its first user.",
        "Connect a keyboard and a screen and make it, or write the card again with a user set.",
    ),
    "network_rewritten": (
        "The system's first set-up (cloud-init) may delete networks that were added later.",
        "`sudo piboothup doctor --fix` prevents it.",
    ),
}
"""Sentence and remedy by code: see `problems`."""
