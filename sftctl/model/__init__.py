"""Loading, adapters, generation, scoring and footprint of a causal language model."""
