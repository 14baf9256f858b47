resource "terraform_data" "policy" {
  input = {
    json   = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = "*" }] })
    yaml   = yamlencode({ replicas = 3, image = "app:1" })
    script = <<-SCRIPT
      #!/bin/sh
      set -e
      apt-get update
      apt-get install -y nginx curl
      systemctl start nginx
    SCRIPT
    long   = join("-", [for n in range(201) : tostring(n)])
  }
}
