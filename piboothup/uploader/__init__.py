"""What brings the spool's photos to EventPics whenever there is a network.

`api` knows the three calls, `transport` HTTP on hostile networks, `verdict` what an answer means, `pace` when to try
again, `queue` which photo is next; `service` is the thin shell around them. This room has no devices, and no answer
from any network can make it delete a photo.
"""
