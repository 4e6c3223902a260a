"""The life of the cluster's example stack."""
