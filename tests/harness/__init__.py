"""Three ways to drive the real host in a test: inside this process, over HTTP, and in a browser."""
