"""What `up`, `reload` and the others stand on: what is looked at before the start, sockets, processes, supervision."""
