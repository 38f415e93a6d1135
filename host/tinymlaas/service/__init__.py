"""The service: knows devices, compiles for each, delivers, and learns that it runs. See docs/SERVICE.md."""
