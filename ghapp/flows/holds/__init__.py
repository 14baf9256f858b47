"""Holds of a branch's tip: what each is about, who may end it, and what it shows."""
