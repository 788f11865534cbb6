"""What the spool lies on: the kind of file system, free space, where the path leads, photos hidden by a mount."""
