environment = "production"
states      = "@STATES@"
services = {
  web    = { image = "web:2.3.0", replicas = 4 }
  worker = { image = "worker:2.3.0", replicas = 1 }
}
