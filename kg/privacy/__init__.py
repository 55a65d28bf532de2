"""Personal data in the graph: pseudonyms, erasure with proof, access, retention, objections."""
