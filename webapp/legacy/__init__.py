"""Importers of what earlier systems stored: a module a source, and what they share.

A source is read in two passes. The first notes ids alone, in an index on disk (`index`), and says
whose each row is; the second takes one owner after the other, makes a `Bundle` of their rows and
brings it into our tables (`bring`). So memory does not grow with the source.
"""
