"""The disk under the spool: kind of file system, free space, the path's target, photos hidden by a mount."""
