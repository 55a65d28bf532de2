"""Knowledge-graph user profiles: the graph, its stores, publishing and reading.

Start at `kg.schema` (what the graph holds), then `kg.store` (how it is reached).
"""
