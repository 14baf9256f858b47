"""The forms of well-known credentials, which are hidden even if nobody marked them as sensitive.

Each form has anchors and a pattern. Anchors are literal texts. One search finds the anchors of all forms; then each
form's pattern is tried at its anchors. If the pattern has a group `secret`, only this group is hidden, otherwise the
whole match. A form is included if its prefix is registered or its structure is unmistakable. A credential that can be
recognized only by the name beside it is included if the vendor defines that name.
https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns
"""

import re
from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple

Finder = Callable[[int], tuple[int, int] | None]


class CredentialForm(NamedTuple):
    """One kind of credential. `before`: how many characters of the pattern precede its anchor."""

    anchors: tuple[str, ...]
    pattern: re.Pattern[str]
    before: int = 0

    def finder(self, text: str) -> Finder:
        """Return a function that takes an anchor's position, and returns the span of the secret part there, or None.

        It is called with positions in ascending order.
        """
        if self.pattern is PRIVATE_KEY:
            return _private_keys(text)
        group = "secret" if "secret" in self.pattern.groupindex else 0

        def find(anchor: int) -> tuple[int, int] | None:
            match = self.pattern.match(text, max(anchor - self.before, 0))
            return match and match.span(group)

        return find


_NOT_INSIDE_A_WORD = r"(?<![A-Za-z0-9_])"
_QUOTE = r"""(?:\\*["'])?"""
_ASSIGNED = rf"{_QUOTE}\s*[:=]>?\s*{_QUOTE}"


def _prefixed(rest: str, *prefixes: str) -> CredentialForm:
    either = "|".join(map(re.escape, prefixes))
    return CredentialForm(prefixes, re.compile(f"{_NOT_INSIDE_A_WORD}(?:{either}){rest}"))


def _shaped(pattern: str, *anchors: str, before: int = 0) -> CredentialForm:
    return CredentialForm(anchors, re.compile(pattern), before)


PRIVATE_KEY_BEGIN = "-----BEGIN "
PRIVATE_KEY_END = "-----END "
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_ENDS = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_CHARACTERS = re.compile(r"[A-Za-z0-9+/=\s\\:,-]*")
_LONGEST_KEY = 40_000


def _private_keys(text: str) -> Finder:
    """A finder of private keys. Each extends to its end line or, without one nearby, over all following key characters.

    All end lines are searched for once: a search from every beginning would take too long if many have no end.
    """
    ends = [match.end() for match in _KEY_ENDS.finditer(text)]

    def find(anchor: int) -> tuple[int, int] | None:
        begins = PRIVATE_KEY.match(text, anchor)
        if begins is None:
            return None
        after = bisect_left(ends, begins.end())
        if after < len(ends) and ends[after] - begins.end() <= _LONGEST_KEY:
            return anchor, ends[after]
        rest = _KEY_CHARACTERS.match(text, begins.end())
        return anchor, rest.end() if rest else begins.end()

    return find


FORMS: tuple[CredentialForm, ...] = (
    CredentialForm((PRIVATE_KEY_BEGIN,), PRIVATE_KEY),
    _shaped(r"LS0tLS1CRUdJTi[A-Za-z0-9+/_-]{40,}={0,2}", "LS0tLS1CRUdJTi"),  # "-----BEGIN " in base64
    _prefixed(r"1[A-Z0-9]{40,}", "AGE-SECRET-KEY-"),
    # a password in a URL
    _shaped(r"""://[^\s/:@"'`<>\\]{0,256}:(?P<secret>[^\s/"'`<>\\]{1,512})@""", "://"),
    # HTTP headers
    _shaped(
        rf"""[Aa]uthorization{_ASSIGNED}(?:Basic|basic|token)\s+(?P<secret>[\w.+/=~-]{{8,}})""",
        "uthorization",
        before=1,
    ),
    _shaped(r"[Bb]earer\s+(?P<secret>(?=[\w.+/=~-]*[0-9])[\w.+/=~-]{20,})", "earer ", before=1),
    _shaped(
        rf"(?i:X-Vault-Token){_ASSIGNED}(?P<secret>[\w.-]{{8,}})", "X-Vault-Token", "x-vault-token", "X-VAULT-TOKEN"
    ),
    # JSON Web Token
    _shaped(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?", "eyJ"),
    # Amazon Web Services: key ids, keys beside their name, session tokens
    _prefixed(r"[A-Z2-7]{16}(?![A-Za-z0-9])", "AKIA", "ASIA"),
    _shaped(
        rf"(?i:secret_?(?:access_?)?key){_ASSIGNED}(?P<secret>[A-Za-z0-9/+]{{40}})(?![A-Za-z0-9/+=])",
        *("secret_access_key", "SECRET_ACCESS_KEY", "SecretAccessKey", "secretAccessKey", "secretaccesskey"),
        *("secret_key", "SECRET_KEY", "secretKey", "SecretKey"),
    ),
    _shaped(r"(?:FwoGZXIvYXdz|IQoJb3JpZ2luX2Vj)[A-Za-z0-9/+=]{60,}", "FwoGZXIvYXdz", "IQoJb3JpZ2luX2Vj"),
    # Google Cloud
    _prefixed(r"[0-9A-Za-z_-]{35}", "AIza"),
    _prefixed(r"[0-9A-Za-z_.-]{20,}", "ya29."),
    _prefixed(r"[0-9A-Za-z_-]{28}", "GOCSPX-"),
    # Azure
    _shaped(
        r"(?:AccountKey|SharedAccessKey|SharedSecret)=(?P<secret>[A-Za-z0-9+/%]{32,}={0,2})",
        *("AccountKey=", "SharedAccessKey=", "SharedSecret="),
    ),
    _shaped(r"(?:[?&;]|\\u0026)sig=(?P<secret>[A-Za-z0-9%+/_-]{30,}={0,2})", "?sig=", "&sig=", "\\u0026sig=", ";sig="),
    _shaped(r"[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}", "Q~", before=4),
    # Git hosts
    _prefixed(r"[A-Za-z0-9]{36,255}", "ghp_", "gho_", "ghu_", "ghr_"),
    _prefixed(r"[A-Za-z0-9_.-]{36,}", "ghs_"),
    _prefixed(r"[A-Za-z0-9_]{22,255}", "github_pat_"),
    _prefixed(r"[A-Za-z0-9_.-]{20,}", "glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glsoat-"),
    _prefixed(r"[A-Za-z0-9_=-]{20,}", "ATBB", "ATCTT3", "ATATT3"),
    # HashiCorp
    _prefixed(r"[A-Za-z0-9_-]{20,}", "hvs.", "hvb.", "hvr."),
    _shaped(r"""[\s"'=:(]s\.(?P<secret>[A-Za-z0-9]{24})(?![A-Za-z0-9])""", *(f"{mark}s." for mark in "\n\t \"'=:(")),
    _shaped(r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}", ".atlasv1.", before=14),
    # Slack, and others that registered a prefix
    _prefixed(r"[A-Za-z0-9-]{10,}", "xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xoxc-", "xoxd-"),
    _prefixed(r"[A-Za-z0-9-]{10,}", "xapp-", "xoxe.xoxb-", "xoxe.xoxp-"),
    _shaped(r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9/_-]{20,})", "hooks.slack.com/"),
    _shaped(
        r"discord(?:app)?\.com/api/webhooks/(?P<secret>[0-9]+/[\w-]{20,})", "discord.com/api/", "discordapp.com/api/"
    ),
    _prefixed(r"[A-Za-z0-9]{10,}", "sk_live_", "sk_test_", "rk_live_", "rk_test_"),
    _prefixed(r"[A-Za-z0-9+/=]{20,}", "whsec_"),
    _prefixed(r"[A-Za-z0-9]{36}", "npm_"),
    _prefixed(r"[A-Za-z0-9_-]{50,}", "pypi-AgE"),
    _prefixed(r"[a-f0-9]{64}", "dop_v1_", "doo_v1_", "dor_v1_"),
    _prefixed(r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}", "SG."),
    _prefixed(r"[A-Za-z0-9_-]{20,}", "sk-ant-", "sk-proj-", "sk-svcacct-"),
    _prefixed(r"[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}", "sk-"),
    _prefixed(r"[A-Za-z0-9_=-]{20,}", "glsa_", "glc_"),
    _prefixed(r"[A-Za-z0-9]{27}", "NRAK-"),
    _prefixed(r"[a-f0-9]{32}", "dapi"),
    _prefixed(r"[A-Za-z0-9]{40,}", "lin_api_", "dp.pt.", "dp.st.", "dp.ct."),
    _prefixed(r"[A-Za-z0-9_-]{20,}", "dckr_pat_", "dckr_oat_"),
    _prefixed(r"[a-f0-9]{32}", "shpat_", "shpca_", "shppa_", "shpss_"),
)
