"""Networks, weights and interrupted trainings as safetensors files."""
