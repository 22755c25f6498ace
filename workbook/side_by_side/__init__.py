"""One layer by every kernel that can compute it and by the libraries that are installed, side by side in one run."""
