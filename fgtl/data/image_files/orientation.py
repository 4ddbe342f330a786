"""The eight EXIF orientations, for sizes and points. `reencode` turns the pixels.

A stored picture of orientation o is shown after: 1 nothing, 2 mirror left-right, 3 half turn, 4 mirror
top-bottom, 5 transpose, 6 quarter turn clockwise, 7 transverse, 8 quarter turn counter-clockwise (EXIF 2.32).
"""


def upright_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """(width, height) after the picture was put upright."""
    return (height, width) if orientation >= 5 else (width, height)


def upright_point(x: float, y: float, orientation: int, size: tuple[int, int]) -> tuple[float, float]:
    """Where a point of the file's pixel grid lies once the picture is upright.

    Args:
        x, y: continuous coordinates in the file's grid, y down.
        orientation: 1 to 8.
        size: (width, height) of the UPRIGHT picture.
    """
    width, height = size
    if orientation >= 5:
        x, y = y, x
    # After the exchange only mirrorings are left: 2, 3, 6 and 7 from the right, 3, 4, 7 and 8 from below.
    if orientation in (2, 3, 6, 7):
        x = width - x
    if orientation in (3, 4, 7, 8):
        y = height - y
    return x, y
