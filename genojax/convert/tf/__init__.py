"""TensorFlow checkpoints (TensorBundle), read and written without TensorFlow."""
