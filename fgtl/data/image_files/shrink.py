"""Making pictures smaller: to which size, and where their points go."""


def fitted_size(width: int, height: int, max_side: int) -> tuple[int, int]:
    """(width, height) with the longer side at most `max_side`; 0 leaves every size as it is.

    The aspect is kept: the shorter side is rounded to the nearest pixel, halves up, and has at least one.
    Nothing is enlarged.
    """
    longer = max(width, height)
    if not max_side or longer <= max_side:
        return width, height
    fitted_width, fitted_height = (max(1, (2 * side * max_side + longer) // (2 * longer)) for side in (width, height))
    return fitted_width, fitted_height


def shrunk_point(x: float, y: float, original: tuple[int, int], size: tuple[int, int]) -> tuple[float, float]:
    """Where a point of a picture lies once it is `size` large; edges stay edges, whatever the rounding.

    Args:
        x, y: continuous coordinates.
        original, size: (width, height) before and after.
    """
    return x * size[0] / original[0], y * size[1] / original[1]
