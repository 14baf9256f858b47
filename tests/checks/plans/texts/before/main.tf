resource "terraform_data" "policy" {
  input = {
    json   = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = ["s3:GetObject"], Resource = "*" }] })
    yaml   = yamlencode({ replicas = 2, image = "app:1" })
    script = <<-SCRIPT
      #!/bin/sh
      set -e
      apt-get update
      apt-get install -y nginx
      systemctl start nginx
    SCRIPT
    long   = join("-", [for n in range(200) : tostring(n)])
  }
}
