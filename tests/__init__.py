"""What shows that it works."""
