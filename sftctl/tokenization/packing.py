"""Several rows in one, none of them cut."""

from bisect import bisect_left, insort
from collections.abc import Sequence


def pack(lengths: Sequence[int], max_length: int) -> list[list[int]]:
    """Row numbers grouped so that each group's lengths add up to at most `max_length`.

    Best-fit decreasing: longest rows first, each into the fullest group that still takes it; ties go to the earlier
    row and the earlier group, so equal input gives equal output. A row longer than `max_length` is a ValueError.
    """
    groups: list[list[int]] = []
    room: list[tuple[int, int]] = []  # (free tokens, group number), sorted
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        length = lengths[row]
        if length > max_length:
            raise ValueError(f"row {row} has {length} tokens, more than the {max_length} of a group")
        place = bisect_left(room, (length, -1))
        if place == len(room):
            groups.append([row])
            insort(room, (max_length - length, len(groups) - 1))
        else:
            free, group = room.pop(place)
            groups[group].append(row)
            insort(room, (free - length, group))
    return groups
