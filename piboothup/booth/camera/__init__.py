"""The camera: its protocol, the thread that owns it, and the picamera2 driver."""
