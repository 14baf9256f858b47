resource "terraform_data" "manifest" {
  input = <<-EOT
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: orders
      labels:
        app: orders
    spec:
      replicas: 2
      template:
        spec:
          containers:
            - name: orders
              image: registry.example/orders:1.7.4
              env:
                - name: LOG_LEVEL
                  value: info
              resources:
                limits:
                  memory: 256Mi
  EOT
}
