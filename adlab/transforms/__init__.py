"""Graph to graph and graph to values: evaluation, forward and reverse sweeps, scopes, JSON."""
