"""Reading a web site: a safe fetch, the text of a page, measures of it, and what follows."""
