"""Devices on GPIO pins: button, button LED and flash, buzzer."""
