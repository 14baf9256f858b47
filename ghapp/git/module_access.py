"""The access of `terraform init` to modules in git repositories on this GitHub: over https, with a token if given.

Terraform runs git, and git asks its credential helper. The helper is a line of shell code, which this module puts into
git's configuration. Programs that run after `init` have neither the helper nor the token.
https://git-scm.com/docs/gitcredentials
"""

from collections.abc import Mapping
from typing import Final

_TOKEN: Final = "PLANWARD_MODULE_TOKEN"  # noqa: S105 - a name
_HELPER: Final = (
    f'!f() {{ test "$1" = get || exit 0; printf \'username=x-access-token\\npassword=%s\\n\' "${_TOKEN}"; }}; f'
)


def module_environment(web_url: str, token: str | None) -> Mapping[str, str]:
    """Additional environment variables for `init`; `web_url` is `https://HOST`."""
    host = web_url.partition("://")[2]
    settings = [(f"url.{web_url}/.insteadOf", f"{written}") for written in (f"git@{host}:", f"ssh://git@{host}/")]
    if token is not None:
        settings += [(f"credential.{web_url}.helper", ""), (f"credential.{web_url}.helper", _HELPER)]
    environ = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings):
        environ |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return environ if token is None else {**environ, _TOKEN: token}
