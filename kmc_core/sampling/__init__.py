"""From noise to a clip: noise schedule and solver of the flow."""
