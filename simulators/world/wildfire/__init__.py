"""Forest fires: fuel, growth of the burnt area, smoke, and who sees it."""
