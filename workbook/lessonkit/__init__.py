"""What every lesson shares: panels, exercises, claims, the catalog, the scoreboard, the reference machine."""
