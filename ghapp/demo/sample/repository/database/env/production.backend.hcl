path = "@STATES@/database/production.tfstate"
