"""Every operator, one family a file: forward, rules and formula side by side; the files named public hold torch's
functions."""
