"""Camera lab: the booth's own camera code on the real libcamera and the real picamera2, at 12 megapixels."""
