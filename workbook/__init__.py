"""A workbook on fast CNN inference at the edge."""
