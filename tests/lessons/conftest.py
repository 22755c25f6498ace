"""What the tests of lessons share."""

from analyses import denoiser as denoiser
