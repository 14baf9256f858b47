"""An object store for what is large: S3, Google Cloud Storage, Azure. The only room that knows obstore.

Credentials are the vendors' own environment variables (`AWS_…`, `GOOGLE_…`, `AZURE_…`), their files and their machines'
identities; `AWS_ENDPOINT` leads to a server that speaks S3.

https://developmentseed.org/obstore/latest/authentication/
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from ghapp.errors import SettingsError
from ghapp.log import log
from ghapp.store.database import StoreUnavailable

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_SCHEMES = ("s3://", "gs://", "az://")
_PATIENCE = timedelta(seconds=20)


class Objects:
    """Objects by address below one prefix."""

    def __init__(self, url: str) -> None:
        """`url`: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX. Raises SettingsError."""
        if not url.startswith(_SCHEMES):
            raise SettingsError(
                "PLANWARD_OBJECT_STORE_URL: only s3://BUCKET/PREFIX, gs://BUCKET/PREFIX and "
                "az://CONTAINER/PREFIX are known"
            )
        self._store = _connect(url)

    async def put(self, address: str, content: bytes) -> None:
        """Keep an object; durable when this returns. What was there is replaced. Raises StoreUnavailable."""
        try:
            await self._store.put_async(address, content)
        except Exception as error:
            raise _unavailable(error) from None

    async def read(self, address: str) -> bytes | None:
        """An object's content; None where it is not there (any more). Raises StoreUnavailable."""
        try:
            found = await self._store.get_async(address)
            return bytes(await found.bytes_async())
        except FileNotFoundError:
            return None
        except Exception as error:
            raise _unavailable(error) from None

    async def remove(self, addresses: Iterable[str]) -> None:
        """Remove objects; one that is not there is no error. Raises StoreUnavailable."""
        for address in addresses:
            try:
                await self._store.delete_async(address)
            except FileNotFoundError:
                pass
            except Exception as error:
                raise _unavailable(error) from None


def _connect(url: str) -> "ObjectStore":
    # Imported where it is set alone: it is an extra.
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError:
        raise SettingsError(
            "PLANWARD_OBJECT_STORE_URL is set, but obstore is not installed: pip install 'planward[objectstore]'"
        ) from None
    try:
        return from_url(url, retry_config={"max_retries": 3, "retry_timeout": _PATIENCE})
    except (BaseError, ValueError) as error:
        raise SettingsError(
            f"PLANWARD_OBJECT_STORE_URL cannot be used ({type(error).__name__}): is it complete, and are the vendor's "
            "own variables right?"
        ) from None


def _unavailable(error: Exception) -> StoreUnavailable:
    # A foreign exception's text may hold an address with its signature.
    log.warning("object_store_failed", kind=type(error).__name__)
    return StoreUnavailable("Planward's object store cannot be reached or refuses: bring it back")
