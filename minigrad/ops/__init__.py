"""Every operator, one family a file: forward, rules and formula side by side; `public` files hold torch's functions."""
