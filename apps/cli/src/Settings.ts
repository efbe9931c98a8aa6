import { Config, Effect, Result, Schema, SchemaIssue } from "effect"

/** What is wrong with the environment, all of it. */
export class SettingsInvalid extends Schema.TaggedError<SettingsInvalid>()("SettingsInvalid", {
  problems: Schema.Array(Schema.String)
}) {
  override get message() {
    return `The configuration is not valid: ${this.problems.join("; ")}`
  }
}

/** `NODE_ENV`: production takes nothing embedded or unnamed for granted. */
export const environment = Config.Literals(["development", "test", "production"], "NODE_ENV").pipe(
  Config.withDefault("development")
)

/** `DATA_DIR`, where everything is kept that no engine is named for. */
export const dataDir = Config.NonEmptyString("DATA_DIR").pipe(Config.withDefault(".data"))

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

// Under the variable's name and without its value, which may be a secret.
const describe = ({ cause }: Config.ConfigError): ReadonlyArray<string> =>
  cause._tag === "SchemaError"
    ? issuesOf(cause.issue).issues.map(({ message, path }) => `${(path ?? []).map(String).join("_")}: ${message}`)
    : [cause.message]

/** Reads what a command needs, and tells everything that is wrong with it at once. */
export const read = Effect.fnUntraced(function* <const Parts extends Record<string, Config.Config<unknown>>>(
  parts: Parts
) {
  const results = yield* Effect.forEach(Object.values(parts), (part) => Effect.result(part))
  const problems = results.flatMap((result) => (Result.isFailure(result) ? describe(result.failure) : []))
  if (problems.length > 0) return yield* new SettingsInvalid({ problems })
  return yield* Effect.orDie(Config.all(parts))
})
