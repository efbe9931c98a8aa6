import { Config, ConfigProvider, Effect, Result, Schema, SchemaIssue } from "effect"

/** All problems of the environment. */
export class SettingsInvalid extends Schema.TaggedError<SettingsInvalid>()("SettingsInvalid", {
  problems: Schema.Array(Schema.String)
}) {
  override get message() {
    return ["The configuration is not valid:", ...this.problems.map((problem) => `  - ${problem}`)].join("\n")
  }
}

/** A problem with a variable, as a line of text. */
export type Problem = readonly [variable: string, line: string]

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

/** The first problem of each variable, by its name. */
type Problems = Map<string, string>

const add = (problems: Problems, found: ReadonlyArray<Problem>): void => {
  for (const [variable, line] of found) if (!problems.has(variable)) problems.set(variable, line)
}

// The environment without the variables that have problems.
const withoutVariables = (environment: ConfigProvider.ConfigProvider, problems: Problems) =>
  ConfigProvider.make((path) => (problems.has(path.join("_")) ? Effect.undefined : environment.load(path)))

// Trims values, because a file that is read into a variable ends with a line break. A blank variable counts as unset.
const withTrimmedValues = (environment: ConfigProvider.ConfigProvider) =>
  ConfigProvider.make((path) =>
    Effect.map(environment.load(path), (node) => {
      const value = node?.value?.trim()
      return node === undefined || value === undefined || value === node.value
        ? node
        : node._tag === "Value" && value === ""
          ? undefined
          : { ...node, value }
    })
  )

// Names the variable without its value, which may be a secret.
const describe = Effect.fnUntraced(function* ({ cause }: Config.ConfigError) {
  if (cause._tag !== "SchemaError") return [["", cause.message] as const]
  const environment = yield* ConfigProvider.ConfigProvider
  return yield* Effect.forEach(issuesOf(cause.issue).issues, ({ message, path = [] }) => {
    const names = path.map(String)
    return Effect.map(Effect.orDie(environment.load(names)), (value) => {
      const variable = names.join("_")
      return [variable, `${variable}: ${value === undefined ? "required" : message}`] as const
    })
  })
})

// A config stops at the first invalid variable, so it is read again without that variable until no new problem is found.
const collect = Effect.fnUntraced(function* (part: Config.Config<unknown>, problems: Problems) {
  const environment = yield* ConfigProvider.ConfigProvider
  for (;;) {
    const provider = withoutVariables(environment, problems)
    const result = yield* Effect.result(Effect.provideService(part, ConfigProvider.ConfigProvider, provider))
    if (Result.isSuccess(result)) return
    const before = problems.size
    add(problems, yield* describe(result.failure))
    if (problems.size === before) return
  }
})

/**
 * Reads all parts from the environment and fails with all their problems at once. `validate` checks combinations of variables. It sees
 * the environment without the variables that have problems.
 */
export const read = Effect.fnUntraced(
  function* <const Parts extends Record<string, Config.Config<unknown>>>(
    parts: Parts,
    validate: Effect.Effect<ReadonlyArray<Problem>, Config.ConfigError> = Effect.succeed([])
  ) {
    const problems: Problems = new Map()
    for (const part of Object.values(parts)) yield* collect(part, problems)
    const provider = withoutVariables(yield* ConfigProvider.ConfigProvider, problems)
    add(problems, yield* Effect.orDie(Effect.provideService(validate, ConfigProvider.ConfigProvider, provider)))
    if (problems.size > 0) return yield* new SettingsInvalid({ problems: [...problems.values()] })
    return yield* Effect.orDie(Config.all(parts))
  },
  Effect.updateService(ConfigProvider.ConfigProvider, withTrimmedValues)
)
