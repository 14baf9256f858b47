path = "@STATES@/network/production.tfstate"
