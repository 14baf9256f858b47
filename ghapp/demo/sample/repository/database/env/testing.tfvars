environment    = "testing"
engine_version = "16"
size_gb        = 20
