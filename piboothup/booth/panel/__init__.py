"""The 128x64 OLED: the thread that owns it, its driver, and the screens."""
