"""`python -m workbook` is the command `workbook`."""

from workbook_command import main

if __name__ == "__main__":
    main()
