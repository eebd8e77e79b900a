"""A zarr's folder, of which only plain files are read: a pipe or a device may never end."""

from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore

from condseg_app.memory import require_memory


class PlainFiles(LocalStore):
    """A folder, to read from."""

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """A file's bytes, None for a missing file.

        Raises:
            ValueError: not a plain file.
            OutOfMemory: not enough memory.
        """
        path = self.root / key
        if path.exists() and not path.is_dir():
            if not path.is_file():
                raise ValueError(f"{key} is no plain file")
            if byte_range is None:
                require_memory(path.stat().st_size, self.root)
        return await super().get(key, prototype, byte_range)
