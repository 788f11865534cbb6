"""From a frame to a photo in the spool: JPEG, EXIF, quality, commit."""
