"""Words for the animator: sorting a wish into slots, describing a motion, writing each engine's prompts."""
