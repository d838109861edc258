"""Write docs/reference from the declarations: `python docs/write_reference`. A test holds that it was done."""

import sys
from itertools import groupby
from pathlib import Path

import conditions
import operations
import settings
import values

from wootiv.api.tree import Api
from wootiv.operation import operations_of

FOLDER = Path(__file__).parents[1] / "reference"


def pages() -> dict[str, str]:
    """Every page of the reference, by file name."""
    declared = sorted(operations_of(Api), key=lambda one: operations.area_of(one[0]))
    areas = {name: list(found) for name, found in groupby(declared, key=lambda one: operations.area_of(one[0]))}
    return {
        "operations.md": operations.index(areas),
        **{f"{name}.md": operations.area(name, found) for name, found in areas.items()},
        "lists.md": operations.lists(),
        "shapes.md": values.shapes(),
        "dictionaries.md": values.dictionaries(),
        "clients.md": values.clients(),
        "query.md": conditions.conditions(),
        "errors.md": values.errors(),
        "settings.md": settings.settings(),
        "commands.md": settings.commands(),
    }


def main(folder: Path) -> None:
    """Write what has changed, and delete what is no longer there."""
    folder.mkdir(exist_ok=True)
    made = pages()
    for old in folder.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
