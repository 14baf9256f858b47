"""Holds of a branch's tip: the subject of each, who may end it, and its text."""
