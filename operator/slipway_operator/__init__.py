"""The operator that reconciles TrainingJob, CompressionJob and ModelService."""
