environment = "testing"
states      = "@STATES@"
services = {
  web    = { image = "web:2.3.0", replicas = 1 }
  worker = { image = "worker:2.3.0", replicas = 1 }
}
