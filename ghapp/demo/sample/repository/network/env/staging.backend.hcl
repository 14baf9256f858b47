path = "@STATES@/network/staging.tfstate"
