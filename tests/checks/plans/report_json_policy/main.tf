resource "terraform_data" "policy" {
  input = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Read", Effect = "Allow", Principal = { AWS = ["arn:aws:iam::111122223333:role/orders", "arn:aws:iam::111122223333:role/reports"] }, Action = ["s3:GetObject", "s3:ListBucket"], Resource = ["arn:aws:s3:::orders", "arn:aws:s3:::orders/*"], Condition = { StringEquals = { "aws:PrincipalOrgID" = "o-example" } } },
      { Sid = "Write", Effect = "Allow", Principal = "*", Action = "s3:PutObject", Resource = "arn:aws:s3:::orders/*" },
    ]
  })
}
