"""Photos on the card, from "saved" to "in the album".

A photo's state is the directory it lies in; its identity is its name; a rename is the only hand-over. This
package imports neither the booth nor the uploader, and uses no network and no device.
"""


class SpoolError(Exception):
    """Failure of the spool. The text of one that can reach a person is a sentence with a remedy."""
