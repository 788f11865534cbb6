"""What a guest meets: the button, the camera, the panel, the light, and the state machine that ties them together.

This room has the devices and no network: whatever happens to the uploader, a press takes a photo.
"""
