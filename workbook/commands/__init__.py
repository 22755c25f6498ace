"""Commands that have a file of their own; the others are in `workbook/cli.py`."""
