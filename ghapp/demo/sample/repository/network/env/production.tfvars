environment = "production"
cidr        = "10.3.0.0/16"
subnets = {
  public  = "10.3.0.0/20"
  private = "10.3.16.0/20"
}
