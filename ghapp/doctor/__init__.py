"""`planward doctor`: which gates of a repository are missing or weaker than they should be.

Here, a gate is a setting on GitHub or of the server that protects an environment, such as a required check.
"""

from ghapp.doctor.examine import Diagnosis, examine
from ghapp.doctor.protection_check import ProtectionCheck, State
from ghapp.doctor.wanted import render_terraform
from ghapp.doctor.words import render_diagnosis

__all__ = ["Diagnosis", "ProtectionCheck", "State", "examine", "render_diagnosis", "render_terraform"]
