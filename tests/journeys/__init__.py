"""Whole journeys through the pages, without a browser."""
