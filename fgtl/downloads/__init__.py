"""Official downloads as they lie on disk: a folder, an archive, or a folder with archives in it; only ever read."""

from fgtl.downloads.folder import FolderTree
from fgtl.downloads.overlay import Mounted, Overlay
from fgtl.downloads.place import MAX_FILE_BYTES, Place, read_place
from fgtl.downloads.tree import Below, Listing, Tree

__all__ = ["MAX_FILE_BYTES", "Below", "FolderTree", "Listing", "Mounted", "Overlay", "Place", "Tree", "read_place"]
