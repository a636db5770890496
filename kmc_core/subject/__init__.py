"""Who is animated: the views of a character and what was read from them."""
