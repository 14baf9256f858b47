path = "@STATES@/network/testing.tfstate"
