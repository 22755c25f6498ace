"""The lessons, as their notebooks use them: `from workbook.lessons import winograd as lesson`."""
