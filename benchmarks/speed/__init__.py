"""annlib beside its peers: the time of training and of prediction, on the same work in one run."""
