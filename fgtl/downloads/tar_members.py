"""The members of a tar archive and, where asked for, of the tar archives in it."""

from collections.abc import Iterator

from fgtl.downloads.limits import Limits
from fgtl.downloads.names import shown
from fgtl.downloads.source import Source, Window
from fgtl.downloads.tar_headers import FILE, FOLDER, Member, TarReader

_ENDING = ".tar"


def tar_members(source: Source, archive: str, limits: Limits, *, nested: bool) -> Iterator[Member]:
    """Members as `TarReader` hands them out.

    With `nested`, a member "a/b.tar" is the folder "a/b" with the inner archive's members; archives inside that one
    are files. Raises DataError as `TarReader`.
    """
    for member in TarReader(source, archive, limits):
        if not (nested and member.kind == FILE and member.name.lower().endswith(_ENDING)):
            yield member
            continue
        top = member.name[: -len(_ENDING)]
        yield Member(top, FOLDER, member.offset, 0)
        for inner in TarReader(Window(source, member.size), f"{archive}: {shown(member.name)}", limits):
            yield inner._replace(name=f"{top}/{inner.name}")
