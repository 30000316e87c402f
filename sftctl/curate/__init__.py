"""Stage one: from raw rows to a held-out set and a training set, with every row accounted for."""
