"""The network: tables to tensors, attention over neighbors, the pointer, beam search."""
