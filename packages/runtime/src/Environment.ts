import { Config, ConfigProvider, Effect, Result, Schema, SchemaIssue } from "effect"

/** What is wrong with the environment, all of it. */
export class SettingsInvalid extends Schema.TaggedError<SettingsInvalid>()("SettingsInvalid", {
  problems: Schema.Array(Schema.String)
}) {
  override get message() {
    return ["The configuration is not valid:", ...this.problems.map((problem) => `  - ${problem}`)].join("\n")
  }
}

/** A line about a variable. */
export type Problem = readonly [variable: string, line: string]

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

/** The problems found so far, as lines, under the variable each is of. */
type Problems = Map<string, string>

const add = (problems: Problems, found: ReadonlyArray<Problem>): void => {
  for (const [variable, line] of found) if (!problems.has(variable)) problems.set(variable, line)
}

// The environment, as if the variables with problems were not set.
const without = (environment: ConfigProvider.ConfigProvider, problems: Problems) =>
  ConfigProvider.make((path) => (problems.has(path.join("_")) ? Effect.undefined : environment.load(path)))

// Without the space around values: a file that is read into a variable ends with a line break. A variable of nothing else is
// not set.
const trimmed = (environment: ConfigProvider.ConfigProvider) =>
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

// Under the variable's name and without its value, which may be a secret.
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

// A reading ends at the first wrong variable; it is made again without that one, until it finds no other.
const collect = Effect.fnUntraced(function* (part: Config.Config<unknown>, problems: Problems) {
  const environment = yield* ConfigProvider.ConfigProvider
  for (;;) {
    const provider = without(environment, problems)
    const result = yield* Effect.result(Effect.provideService(part, ConfigProvider.ConfigProvider, provider))
    if (Result.isSuccess(result)) return
    const before = problems.size
    add(problems, yield* describe(result.failure))
    if (problems.size === before) return
  }
})

/**
 * Reads all of the parts from the environment, so that one start tells everything that is wrong with it. `judge` looks at
 * what no single variable can say; it reads the environment as if the variables with problems were not set.
 */
export const read = Effect.fnUntraced(
  function* <const Parts extends Record<string, Config.Config<unknown>>>(
    parts: Parts,
    judge: Effect.Effect<ReadonlyArray<Problem>, Config.ConfigError> = Effect.succeed([])
  ) {
    const problems: Problems = new Map()
    for (const part of Object.values(parts)) yield* collect(part, problems)
    const provider = without(yield* ConfigProvider.ConfigProvider, problems)
    add(problems, yield* Effect.orDie(Effect.provideService(judge, ConfigProvider.ConfigProvider, provider)))
    if (problems.size > 0) return yield* new SettingsInvalid({ problems: [...problems.values()] })
    return yield* Effect.orDie(Config.all(parts))
  },
  Effect.updateService(ConfigProvider.ConfigProvider, trimmed)
)
