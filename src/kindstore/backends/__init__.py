"""The stores: the only code below the server that waits for a disk, a server or a lock."""
