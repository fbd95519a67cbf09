"""Where a network looks: Grad-CAM, shares of facial regions, pointing game, controls."""
