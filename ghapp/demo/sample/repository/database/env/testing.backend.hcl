path = "@STATES@/database/testing.tfstate"
