"""Where photos live on the card, from "saved" to "in the album".

A photo's state is the directory it lies in; its identity is its name; a rename is the only hand-over. This room
knows neither the booth nor the uploader, and nothing in it reaches for a network or a device.
"""
