"""What the commands do with notebooks: start, lab, render, validate, check, report; and doctor."""
