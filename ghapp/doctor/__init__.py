"""`planward doctor`: which gates of a repository's branches are missing or weaker than they should be."""

from ghapp.doctor.examine import Diagnosis, examine
from ghapp.doctor.protection_check import ProtectionCheck, State
from ghapp.doctor.wanted import render_terraform
from ghapp.doctor.words import render_diagnosis

__all__ = ["Diagnosis", "ProtectionCheck", "State", "examine", "render_diagnosis", "render_terraform"]
