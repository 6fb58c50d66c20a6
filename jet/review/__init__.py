"""Review: the page on which a bookkeeper confirms and corrects predictions, and what keeps its results."""
