"""Where answers come from: loaded models, vLLM, an endpoint, or a file."""
