"""Everything that talks to a device: transports, board drivers, deployment."""
