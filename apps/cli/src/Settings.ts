import { Config } from "effect"

/** `NODE_ENV`: production takes nothing embedded or unnamed for granted. */
export const environment = Config.Literals(["development", "test", "production"], "NODE_ENV").pipe(
  Config.withDefault("development")
)

/** `DATA_DIR`, where everything is kept that no engine is named for. */
export const dataDir = Config.NonEmptyString("DATA_DIR").pipe(Config.withDefault(".data"))
