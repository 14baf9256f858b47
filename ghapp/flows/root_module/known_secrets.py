"""The known secrets of one root run. First these are Vault's values, then also the plan's, then the new state's.

Errors and the output of provisioners may quote secrets that are not known yet. So this text is withheld until the
secrets are known.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from checks.diagnostic import Diagnostic
from checks.errors import PlanFormatError
from checks.plan import Plan
from checks.sensitive import SHORTEST_ANYWHERE, Mask
from ghapp.flows.root_module.masked_log import MaskedLog
from ghapp.flows.root_module.plan_reading import LONGEST_S
from ghapp.terraform import Terraform, Workdir

_DETAIL_LEFT_OUT = (
    "The details are left out because they may contain secrets: only the state shows which values are secret, and the "
    "state cannot be read."
)


class KnownSecrets:
    """The mask of a root run. `names` are names in its code, which are not secret."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self.mask = Mask.none()

    def learn(self, values: Iterable[str], *, log: MaskedLog | None = None, plan: Plan | None = None) -> None:
        """Mask these values from now on: in the report, and in `log`, including lines that it withheld."""
        if plan is not None:
            self._names |= plan.names()
        self.mask = self.mask.also(values).but_names(self._names)
        if log is not None:
            log.learn(self.mask)

    def warn_of_unmaskable(self, secrets: Mapping[str, object]) -> tuple[str, ...]:
        """Warn of secrets that cannot be masked everywhere, because they are short or are also a name in the code.

        Returns one warning that lists their keys; empty if there are no such secrets.
        """
        said = [f"`{key}` ({reason})" for key, value in sorted(secrets.items()) if (reason := self._reason(value))]
        return (f"Secrets that cannot be masked everywhere: {', '.join(said)}.",) if said else ()

    def _reason(self, value: object) -> str:
        texts = {text.strip() for text in _texts(value)} - {""}
        if not texts.isdisjoint(self.mask.unmaskable):
            return "also a name in the code"
        return f"fewer than {SHORTEST_ANYWHERE} characters" if any(len(t) < SHORTEST_ANYWHERE for t in texts) else ""

    async def learn_from_state(
        self, terraform: Terraform, workdir: Workdir, log: MaskedLog, plan: Plan, diagnostics: tuple[Diagnostic, ...]
    ) -> tuple[Diagnostic, ...]:
        """Read the new state and mask its sensitive values, before any output that may quote them is shown.

        Returns the diagnostics to show, without their details if the state cannot be read.
        """
        if not plan.has_unknown_secrets or not (log.has_withheld_lines or diagnostics):
            return diagnostics
        state_json = await terraform.show_state(workdir)
        try:
            if state_json is not None:
                async with asyncio.timeout(LONGEST_S):
                    sensitive = await asyncio.to_thread(plan.sensitive_values_of_state, state_json)
                    await asyncio.to_thread(self.learn, sensitive, log=log)
                return diagnostics
        except (PlanFormatError, TimeoutError):
            pass  # the apply itself succeeded or failed independently of this
        return tuple(msgspec.structs.replace(each, detail=_DETAIL_LEFT_OUT) for each in diagnostics)


def _texts(value: object) -> Iterator[str]:
    """The texts to hide for a secret's value; booleans and null are no secrets."""
    match value:
        case bool() | None:
            pass
        case dict():
            yield from (text for item in value.values() for text in _texts(item))
        case list():
            yield from (text for item in value for text in _texts(item))
        case _:
            yield str(value)
