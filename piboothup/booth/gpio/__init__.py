"""What hangs on GPIO pins: the button, its LED and the flash, the buzzer."""
