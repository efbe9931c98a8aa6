import { Config } from "effect"

/** `NODE_ENV`: in production there is no default for the database and the key file. */
export const environment = Config.Literals(["development", "test", "production"], "NODE_ENV").pipe(
  Config.withDefault("development")
)

/** `DATA_DIR`, the folder of the embedded database and of the default key file. */
export const dataDir = Config.NonEmptyString("DATA_DIR").pipe(Config.withDefault(".data"))
