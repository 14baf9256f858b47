path = "@STATES@/app/testing.tfstate"
