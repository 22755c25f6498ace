"""Analyzes a network: which of the four tools helps it, by how much; what `workbook analyze` and lesson 6 show."""
