// name: item_vectors(itemIds: strings)
// Embeddings of the items that have one.
// returns: itemId: string, embedding: floats
MATCH (i:Item)
WHERE i.itemId IN $itemIds AND i.embedding IS NOT NULL
RETURN i.itemId AS itemId, i.embedding AS embedding
