"""The flow of a chat message: send it to each address in the config, and try again later where that fails."""

from functools import partial
from typing import assert_never

import msgspec

from ghapp.durable import patiently, step
from ghapp.errors import JobError
from ghapp.flows.repository import Repo, load_repo
from ghapp.git import GitError
from ghapp.jobs import SendChatMessage
from ghapp.log import log
from ghapp.notify import Message, NotSent, Refused, Sent, deliver
from ghapp.repository_config import Notify, RepositoryConfig, placeholder_branch
from ghapp.services import Services
from ghapp.store.marker_kinds import MessageMarker
from ghapp.store.message_subjects import read_subject
from ghapp.vault import SecretSource, VaultRun


async def send_chat_message(services: Services, job: SendChatMessage) -> None:
    """Send one message; addresses that failed are enqueued again for later."""
    await step(f"send {job.attempt}", type(None), _send, services, job)


async def _send(services: Services, job: SendChatMessage) -> None:
    waits = services.timings.chat_retries_s
    patience_s = waits[min(job.attempt, len(waits) - 1)]
    try:
        waits_s = await _send_to_each(services, job, patience_s)
    except GitError as error:
        log.warning("chat_addresses_unknown", about=job.about, reason=str(error))
        waits_s = [patience_s]
    if waits_s and job.attempt >= len(waits):
        log.error("chat_given_up", about=job.about)
    elif waits_s:
        again = msgspec.structs.replace(job, attempt=job.attempt + 1)
        await services.store.deferred.defer(again.key, msgspec.to_builtins(again), in_s=max(waits_s))


async def _send_to_each(services: Services, job: SendChatMessage, patience_s: float) -> list[float]:
    """Send the message to each address that has not received it. Returns the wait before a retry for each failure."""
    repo = await load_repo(services, job.repository_id)
    repo = await repo.with_commits(job.config_sha)
    config = await repo.config_at(job.config_sha)
    message = msgspec.json.decode(job.message, type=Message)
    subject = read_subject(job.about)
    waits_s: list[float] = []
    for number, target in enumerate(config.notify):
        marker = MessageMarker(subject, number)
        said = await services.store.markers.find(marker)
        if message.kind not in target.on or said == "sent":
            continue
        if said == "sending":
            # Planward was killed while it sent the message. A chat cannot be asked what it received, so the message is
            # not sent again.
            log.warning("chat_not_sent_again", about=job.about)
            continue
        try:
            url = await _url(repo, config, job, target)
        except JobError as error:
            log.warning("chat_address_unknown", about=job.about, reason=str(error))
            waits_s.append(patience_s)
            continue
        await services.store.markers.keep(marker, "sending")
        match await deliver(message, url, services.settings.authority.chat):
            case Sent():
                # If the database is unavailable, retry only the recording. If the whole step were repeated, it would
                # find "sending" and conclude that Planward was killed.
                await patiently("said", partial(services.store.markers.keep, marker, "sent"))
            case NotSent(reason=reason, retryable=retryable, retry_after_s=retry_after_s):
                await services.store.markers.keep(marker, "not sent")
                log.warning("chat_not_sent", about=job.about, reason=reason, retryable=retryable)
                if retryable:
                    waits_s.append(patience_s if retry_after_s is None else retry_after_s)
            case Refused(reason=reason):
                await services.store.markers.keep(marker, "not sent")
                log.warning("chat_refused", about=job.about, repository=repo.known.full_name, reason=reason)
            case _ as never:
                assert_never(never)
    return waits_s


async def _url(repo: Repo, config: RepositoryConfig, job: SendChatMessage, target: Notify) -> str:
    """The address, which is read from Vault if the config says `vault:PATH#KEY`. It is a secret."""
    if not target.url.startswith("vault:"):
        return target.url
    vault = repo.services.vault
    if vault is None:
        raise JobError(
            "notify names an address in Vault, but Planward has no Vault: the operator has to set VAULT_ADDR"
        )
    path, _, field = target.url.removeprefix("vault:").partition("#")
    environment = config.environments[job.environment]
    run = VaultRun(
        team=environment.team,
        environment=environment.name,
        branch=placeholder_branch(environment),
        operation="notify",
    )
    source = SecretSource(path=path, form="env", field=field, map={field: "URL"})
    async with vault.credentials([source], run, await repo.authority()) as credentials:
        return credentials.env["URL"]
