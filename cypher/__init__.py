"""The named queries (`*.cypher`) as package data; `kg.queries` reads them."""
