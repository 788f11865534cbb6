"""Recorded bounce of real contacts: edges of switches pressed by people, in microseconds since the first.

Published measurements, rounded: a push button from the sample session of the "Bouncy Button Benchmark"
(github.com/adamfk/bouncy-button; the numbers are that benchmark's), and a morse key ("measure_bouncing",
github.com/pe1hvh/measure_bouncing). The levels alternate; the first edge has the direction of the press or release.
"""

from __future__ import annotations

from collections.abc import Mapping

PRESSES: Mapping[str, tuple[int, ...]] = {
    "button, clean": (0,),
    "button 43": (0, 47, 412, 454, 541, 632, 633),
    "button 119": (0, 231, 325, 538, 821, 1070, 1071, 1152, 1200, 1332, 1471, 1473, 1475),
    "button 81, fast": (*(0, 359, 361, 362, 370, 381, 384, 387, 389, 392, 443, 3785, 3786, 3797, 3840, 3954, 5766),),
    "button 107": (
        *(0, 8060, 8061, 8108, 8110, 8139, 8176, 8230, 8234, 8294, 8296, 8306, 8308, 8385, 8413, 8688, 8689, 8782),
        *(8885, 8985, 9065, 9305, 9306, 9408, 9452, 9512, 9910, 10067, 10132, 10173, 20071, 20073, 20078, 20295),
        *(20615, 20642, 20645, 20648, 20651, 20661, 20664, 20669, 20670, 20675, 20676, 20700, 20701, 20735, 20737),
        *(20749, 20767, 20769, 20908),
    ),
    "morse key": (0, 74, 80, 108, 266, 372, 378, 585, 737, 855, 866, 1294, 1306, 1328, 1396, 2036, 2188),
}
"""Edges of presses, µs."""

RELEASES: Mapping[str, tuple[int, ...]] = {
    "button, clean": (0,),
    "button 4": (0, 2, 48, 53, 412, 473, 607, 614, 737),
    "button 6": (0, 9005, 12163, 12164, 12684, 12826, 12827, 13467, 13468, 13643, 13645),
    "button 60": (*(0, 2, 259, 13308, 28034, 28035, 28186, 28187, 28569, 28570, 28691, 28694, 28713, 28721, 28801),),
    "button 84, fast": (
        *(0, 5, 6, 155, 156, 195, 196, 16696, 16697, 16722, 16724, 16933, 16934, 16946, 16947, 16963, 16964, 16971),
        *(16972, 16980, 16981, 16987, 16997),
    ),
    "button 92, fast": (0, 1064, 33778, 33800, 33821, 33823, 33857),
    "button 120": (0, 726, 866, 1322, 1323, 3148, 3747, 3752, 3799, 3802, 3838, 3841, 3958, 3960, 3989),
}
"""Edges of releases, µs."""

WORN_PRESS = (0, 17784, 17887, 18132, 105560)
"""Button 13, µs: a press in which the contact opens again for 87 ms. No debounce can tell it from two presses."""
