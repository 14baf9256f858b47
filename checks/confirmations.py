"""The changes of a plan that a person has to confirm, because they destroy or replace an object."""

from collections.abc import Collection, Sequence

import msgspec

from checks.plan import Plan, ResourceChange


class ToConfirm(msgspec.Struct, frozen=True, kw_only=True):
    """An object whose destruction or replacement needs confirmation.

    `confirmation` identifies what a person confirms. It is a keyed hash of the environment, the address, the deposed
    key, the kind of loss (such as "destroy" or "replace") and the object's id, or all its values if it has no id. So a
    confirmation given for one plan also counts for every other plan that does the same to the same object.
    """

    address: str
    confirmation: str


def unconfirmed_addresses(to_confirm: Sequence[ToConfirm], confirmed: Collection[str]) -> tuple[str, ...]:
    """Return the addresses of the objects that still need confirmation."""
    return tuple(each.address for each in to_confirm if each.confirmation not in confirmed)


def changes_to_confirm(plan: Plan, confirm: Collection[str]) -> tuple[ResourceChange, ...]:
    """Return the changes of a plan that need confirmation. Each of them destroys or replaces an object.

    `confirm` is the list in the config. Its entries are `destroy`, `replace` or resource types.
    """
    if not confirm:
        return ()
    return tuple(
        change
        for change in plan.resource_changes
        if change.action.destroys
        and (change.type in confirm or ("replace" if change.action.replaces else "destroy") in confirm)
    )
