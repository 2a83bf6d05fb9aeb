"""The data model: keys, values, entities, their order and their bytes.  Pure: no I/O, nothing of the other floors."""
