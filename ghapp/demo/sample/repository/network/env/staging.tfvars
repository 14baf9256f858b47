environment = "staging"
cidr        = "10.2.0.0/16"
subnets = {
  public  = "10.2.0.0/20"
  private = "10.2.16.0/20"
}
