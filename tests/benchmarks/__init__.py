"""Speed and memory against the usual tools, measured on this machine: `make bench`."""
