"""Step 4: the persona, built from what was measured and what was answered."""
