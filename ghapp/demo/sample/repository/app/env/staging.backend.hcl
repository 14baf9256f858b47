path = "@STATES@/app/staging.tfstate"
