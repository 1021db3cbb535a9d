"""How fast, and how good how soon: measured against the reference loop in the same run."""
