"""piboothup: one box, one button; every photo is saved first and reaches the EventPics album when it can."""

__version__ = "0.1.0"
