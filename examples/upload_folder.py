"""Upload a folder and all that is in it, four files at a time, with `python upload_folder.py letters`."""

import sys
from pathlib import Path

import anyio

from wootiv import AsyncWootiv


async def upload(client: AsyncWootiv, file: Path, path: str) -> None:
    stored = await client.aws.buckets.upload(file=file, path=path)
    print(f"{file} is {stored.path_with_filename}")


async def main(top: Path, files: list[Path]) -> None:
    async with AsyncWootiv(max_connections=4) as client, anyio.create_task_group() as tasks:
        for file in files:
            tasks.start_soon(upload, client, file, file.parent.relative_to(top.parent).as_posix())


top = Path(sys.argv[1]).resolve()
anyio.run(main, top, [file for file in top.rglob("*") if file.is_file()])
