"""The Terraform code that doctor prints is equivalent to its calls of the API."""

import hcl2

from ghapp.doctor.wanted import render_terraform, wanted_ruleset
from tests.ghapp.doctor.protection import guarded


def test_the_printed_terraform_is_equivalent_to_the_api_call() -> None:
    branch = guarded(environment='pro"d${x}', branch="release/1")
    options = hcl2.SerializationOptions(strip_string_quotes=True, explicit_blocks=False, with_comments=False)
    [resource] = hcl2.loads(render_terraform("acme/shop", [branch]), serialization_options=options)["resource"]
    [body] = resource["github_repository_ruleset"].values()
    asked = wanted_ruleset(branch)
    rules = {rule["type"]: rule.get("parameters", True) for rule in asked["rules"]}
    [printed] = body["rules"]
    assert (body["repository"], body["target"], body["enforcement"]) == ("shop", "branch", "active")
    assert body["conditions"][0]["ref_name"][0] == asked["conditions"]["ref_name"]
    assert (printed["deletion"], printed["non_fast_forward"]) == (True, True)
    assert {**printed["pull_request"][0], "require_last_push_approval": False} == rules["pull_request"]
    checks = printed["required_status_checks"][0]
    assert checks["strict_required_status_checks_policy"] is True
    assert checks["required_check"] == rules["required_status_checks"]["required_status_checks"]


def test_terraform_is_formatted() -> None:
    assert render_terraform("acme/shop", [guarded(environment="staging", branch="staging", promotes_from=None)]) == (
        """\
resource "github_repository_ruleset" "planward_staging" {
  name        = "planward staging"
  repository  = "shop"
  target      = "branch"
  enforcement = "active"

  conditions {
    ref_name {
      include = ["refs/heads/staging"]
      exclude = []
    }
  }

  rules {
    deletion         = true
    non_fast_forward = true

    pull_request {
      required_approving_review_count   = 1
      dismiss_stale_reviews_on_push     = true
      require_code_owner_review         = true
      required_review_thread_resolution = true
    }

    required_status_checks {
      strict_required_status_checks_policy = true

      required_check {
        context        = "planward/plan"
        integration_id = 4711
      }
    }
  }
}
"""
    )
