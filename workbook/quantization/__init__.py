"""Post-training quantization: from a network in float32 to one that runs on bytes."""
