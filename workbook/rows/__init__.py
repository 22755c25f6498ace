"""A network computed row by row, as a camera delivers its lines: results before the frame is complete."""
