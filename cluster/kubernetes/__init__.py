"""The parts of the check of the Kubernetes manifests."""
