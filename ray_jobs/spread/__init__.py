"""How the library's work is spread over the cluster by Ray Data and by tasks."""
