"""Studies: a folder each, with input, flow, analysis, document and report."""
