"""Reports that an earlier version stored are read and shown by this one: runs are kept for months."""

from pathlib import Path

import msgspec
import pytest

from checks.rendering.html import render_html
from checks.rendering.json_report import render_json
from checks.rendering.markdown import render_check_run, render_markdown
from checks.rendering.picture import render_picture
from checks.rendering.text import render_text
from checks.report import RunReport

STORED = sorted((Path(__file__).parent / "stored").glob("*.json"))


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_report_of_an_earlier_version_is_read_and_shown(path: Path) -> None:
    (run,) = msgspec.json.decode(path.read_bytes(), type=list[RunReport])
    output = render_check_run(run)
    forms = (f"{output.summary}\n{output.text}", render_markdown(run), render_html(run), render_text(run))
    for form in (*forms, render_json(run)):
        for root in run.roots:
            for change in root.changes:
                assert change.type in form
        assert "action.aws_lambda_invoke.warm" in form
    assert output.annotations
    assert any(map(render_picture, run.roots))


def test_there_are_stored_reports_to_read() -> None:
    assert STORED
