"""Personal data: the traces of a subject are removed on demand."""
