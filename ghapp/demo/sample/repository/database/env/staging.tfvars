environment    = "staging"
engine_version = "16"
size_gb        = 50
