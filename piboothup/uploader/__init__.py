"""The uploader: sends the spool's photos to EventPics whenever there is a network.

`eventpics` makes the three calls, `transport/` is HTTP over bad networks, `answers` and `outcomes` say what an
answer means, `schedule/` which photo is next and when to try again; `service` runs them. No devices
are used here, and no answer from any network can delete a photo.
"""
