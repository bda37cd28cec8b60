"""Why did the model predict this? The record, the versions live at that time, their lineage, and the proof."""
