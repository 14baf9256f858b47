environment    = "production"
engine_version = "16"
size_gb        = 200
