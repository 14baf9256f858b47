path = "@STATES@/app/production.tfstate"
