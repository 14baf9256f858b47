environment = "testing"
cidr        = "10.1.0.0/16"
subnets = {
  public  = "10.1.0.0/20"
  private = "10.1.16.0/20"
}
