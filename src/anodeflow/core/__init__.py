"""What everything stands on: errors, settings, content addresses, files, density grids."""
