"""From the providers' files to the tables of schema `raw`."""
