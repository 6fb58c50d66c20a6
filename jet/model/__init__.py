"""The network: tables to tensors, the memory of neighbors, the pointer, the decoder."""
