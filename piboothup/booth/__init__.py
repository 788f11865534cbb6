"""The booth's service: button, camera, panel, light, and the state machine that controls them.

This package has the devices and no network: whatever happens to the uploader, a press takes a photo.
"""
