"""Step 2: the website, and the analysis that reads it."""
