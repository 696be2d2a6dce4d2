"""Speed and size, measured; run by `make bench`. Tests never time anything."""
