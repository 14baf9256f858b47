path = "@STATES@/database/staging.tfstate"
