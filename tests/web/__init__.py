"""Drives the built pages in a real browser against a small server that speaks the page's contract."""
