"""Terraform's messages, line by line: its log, its diagnostics, and locks of states."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from checks.diagnostic import Diagnostic
from ghapp.terraform import Failure, StateLock
from ghapp.terraform.failures import read_failure
from ghapp.terraform.messages import Messages, RootModuleLocation


class TestMessages:
    def read(self, *lines: str | Mapping[str, Any]) -> tuple[list[str], list[Diagnostic]]:
        said: list[str] = []
        messages = Messages(
            location=RootModuleLocation(checkout=Path("/co"), root_module="a/b"), log=said.append, foreign=said.append
        )
        for line in lines:
            messages.line((line if isinstance(line, str) else json.dumps(line)).encode())
        return said, messages.diagnostics

    def test_output_that_is_not_a_message_is_logged_unchanged(self) -> None:
        assert self.read("", "panic: x\r", '{"a": 1}', "{broken", "[1]") == (
            ["panic: x", '{"a": 1}', "{broken", "[1]"],
            [],
        )

    @pytest.mark.parametrize(
        ("filename", "path"),
        [
            ("main.tf", "a/b/main.tf"),
            ("../../modules/m/main.tf", "modules/m/main.tf"),
            ("../../../elsewhere/main.tf", None),
            ("/co/x.tf", "x.tf"),
            ("/tmp/secrets.tfvars.json", None),
            ("", None),
        ],
    )
    def test_files_are_named_from_the_repositorys_top(self, filename: str, path: str | None) -> None:
        assert RootModuleLocation(checkout=Path("/co"), root_module="a/b").repository_path(filename) == path

    def test_values_beside_a_snippet_are_left_out(self) -> None:
        diagnostic = {
            "severity": "warning",
            "summary": "S",
            "detail": "D",
            "address": "terraform_data.a",
            "range": {"filename": "x.tf", "start": {"line": 2, "column": 3}, "end": {"line": 2, "column": 5}},
            "snippet": {"code": "a = b", "values": [{"traversal": "b", "statement": 'is "s3cret"'}]},
        }
        said, diagnostics = self.read({"@message": "Warning: S", "type": "diagnostic", "diagnostic": diagnostic})

        assert said == ["Warning: S", "  on a/b/x.tf line 2", "  D"]
        assert diagnostics == [
            Diagnostic(
                severity="warning",
                summary="S",
                detail="D",
                path="a/b/x.tf",
                start_line=2,
                end_line=2,
                start_column=3,
                end_column=5,
                address="terraform_data.a",
                snippet="a = b",
            )
        ]

    def test_the_values_of_outputs_are_not_logged(self) -> None:
        outputs = {"o": {"sensitive": False, "type": "string", "value": "s3cret"}}

        assert self.read({"@message": "Outputs: 1", "type": "outputs", "outputs": outputs})[0] == ["Outputs: 1"]


def test_a_lock_is_read_from_any_frame() -> None:
    detail = (
        "x\n│ Lock Info:\n│   ID:        abc\n│   Who:       a@b\n│   Operation: OperationTypePlan\n│   Created: now\n"
    )
    diagnostic = Diagnostic(severity="error", summary="Error acquiring the state lock", detail=detail)

    assert read_failure([diagnostic]) == (
        Failure.STATE_LOCKED,
        StateLock(id="abc", who="a@b", operation="OperationTypePlan", created="now"),
    )


def test_the_holder_of_an_http_states_lock_is_not_the_one_who_asked_for_it() -> None:
    detail = (
        "Error message: HTTP remote state already locked: ID=3c863f61-b67a\nLock Info:\n  ID:        d3d6fd93-8602\n"
        "  Path:      \n  Operation: OperationTypePlan\n  Who:       planward@here\n  Created:   now\n"
    )
    diagnostic = Diagnostic(severity="error", summary="Error acquiring the state lock", detail=detail)

    assert read_failure([diagnostic]) == (Failure.STATE_LOCKED, StateLock(id="3c863f61-b67a"))
