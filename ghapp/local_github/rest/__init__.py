"""GitHub's REST API, one module for each kind of resource."""

from ghapp.local_github.rest import (
    activity,
    apps,
    check_runs,
    deliveries,
    deployments,
    git_refs,
    issues,
    meta,
    people,
    protection,
    pulls,
    repositories,
    reviews,
    statuses,
    user_tokens,
)

ROUTES = (
    *meta.ROUTES,
    *apps.ROUTES,
    *activity.ROUTES,
    *deliveries.ROUTES,
    *repositories.ROUTES,
    *git_refs.ROUTES,
    *pulls.ROUTES,
    *reviews.ROUTES,
    *check_runs.ROUTES,
    *statuses.ROUTES,
    *deployments.ROUTES,
    *issues.ROUTES,
    *people.ROUTES,
    *user_tokens.ROUTES,
    *protection.ROUTES,
    *repositories.LAST_ROUTES,
)
