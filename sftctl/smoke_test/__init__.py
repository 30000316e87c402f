"""Stage two: a hundred real steps, and a forecast of the full run."""
