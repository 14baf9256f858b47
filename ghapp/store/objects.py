"""An object store for large data: S3, Google Cloud Storage, Azure. Only this module uses obstore.

Credentials are the vendors' own environment variables (`AWS_…`, `GOOGLE_…`, `AZURE_…`), their files and machine
identities; `AWS_ENDPOINT` selects another server that speaks S3.

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
                "az://CONTAINER/PREFIX are supported"
            )
        self._store = _connect(url)

    async def put(self, address: str, content: bytes) -> None:
        """Store an object durably; it replaces an existing one. Raises StoreUnavailable."""
        try:
            await self._store.put_async(address, content)
        except Exception as error:
            raise _unavailable(error) from None

    async def read(self, address: str) -> bytes | None:
        """An object's content; None if it does not exist. Raises StoreUnavailable."""
        try:
            found = await self._store.get_async(address)
            return bytes(await found.bytes_async())
        except FileNotFoundError:
            return None
        except Exception as error:
            raise _unavailable(error) from None

    async def remove(self, addresses: Iterable[str]) -> None:
        """Remove objects; missing ones are no error. Raises StoreUnavailable."""
        for address in addresses:
            try:
                await self._store.delete_async(address)
            except FileNotFoundError:
                pass
            except Exception as error:
                raise _unavailable(error) from None


def _connect(url: str) -> "ObjectStore":
    # Imported only if configured: it is an extra.
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
    # Without the text of obstore's exception, which may contain a signed address.
    log.warning("object_store_failed", kind=type(error).__name__)
    return StoreUnavailable("Planward's object store cannot be reached, or refuses requests: bring it back")
