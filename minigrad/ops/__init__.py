"""Every operator, one family a file: forward, rules and formula side by side; the public files hold torch's
functions."""
