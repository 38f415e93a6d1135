"""`make demo-service`: the whole story of the service, played on emulated devices and a real browser."""
