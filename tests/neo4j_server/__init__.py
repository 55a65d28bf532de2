"""A real Neo4j Community for the tests: the one named by NEO4J_URI, else Docker's, else our own.

`python -m tests.neo4j_server start | stop | status` does the same for a developer.
"""

from tests.neo4j_server.choice import NoServer, Server, start

__all__ = ["NoServer", "Server", "start"]
