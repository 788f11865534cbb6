"""A Pi on your desk: simulated devices, a local EventPics, and the demo that shows the whole appliance.

Only the commands and the tests come in here; no service depends on it.
"""
