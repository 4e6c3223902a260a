"""The components under mocks: what they ask the engine to create. No host, no root, no network."""
