"""What the check of the Kubernetes manifests is made of."""
