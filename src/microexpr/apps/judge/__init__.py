"""``microexpr judge``: score predictions of any system, and find what a reviewer would."""
