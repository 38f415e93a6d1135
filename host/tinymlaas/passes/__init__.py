"""Rewrites of the graph: one ``run(graph, target) -> Graph`` each; ``pipeline.PASSES`` is their order."""
