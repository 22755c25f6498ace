"""Lesson 4, flexible hardware: what a datapath that adapts from layer to layer gains, and what a switch costs."""
