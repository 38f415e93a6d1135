"""The operator's API, /api/v1: one router per noun."""
