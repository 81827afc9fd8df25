"""A program that runs missions and is killed at random moments, and the audit of what it leaves behind."""
