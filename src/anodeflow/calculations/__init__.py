"""One calculation: its document, request, folder and record, and the jobflow Makers that make jobs of it."""
