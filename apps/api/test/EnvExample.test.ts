import { assert, describe, it } from "@effect/vitest"
import { type ApiSettings, read } from "@user-service/api/ApiSettings"
import { ConfigProvider, Duration, Effect, Option, Predicate, Redacted, Result } from "effect"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parseEnv } from "node:util"

type Environment = Readonly<Record<string, string>>

/** A variable of the file, with the lines directly above it. */
interface Variable {
  readonly name: string
  readonly value: string
  readonly comment: string
  readonly hasDefault: boolean
}

// What later features will read. One that is read, or is not in the file's last section, does not belong here.
const notReadYet: ReadonlyArray<string> = []

// What must be set for a variable to count.
const onPostgres: Environment = { DB_HOST: "database.internal" }
const needs: Readonly<Record<string, Environment>> = {
  DATABASE_DIRECT_URL: onPostgres,
  DATABASE_PREPARED_STATEMENTS: onPostgres,
  DB_PORT: onPostgres,
  DB_NAME: onPostgres,
  DB_USER: onPostgres,
  DB_PASSWORD: onPostgres,
  DB_POOL_SIZE: onPostgres,
  SECRET_KEY: { JWT_ALGORITHM: "HS256" },
  // The shorter of the two holds.
  CACHE_TTL_USER: { CACHE_TTL_PROFILE: "30d" },
  CACHE_TTL_PROFILE: { CACHE_TTL_USER: "30d" }
}

const production: Environment = {
  NODE_ENV: "production",
  DATABASE_URL: "postgres://database.internal/users",
  REDIS_URL: "redis://cache.internal",
  RABBITMQ_URL: "amqp://broker.internal",
  JWT_KEYS_FILE: "/run/secrets/keys.json",
  PUBLIC_URL: "https://users.example.com"
}

const file = readFileSync(new URL("../../../.env.example", import.meta.url), "utf8")
const uncommented = parseEnv(file.replaceAll(/^#(?=[A-Z])/gm, ""))

const commentOf = (name: string): string =>
  new RegExp(`((?:^# .*\\n)+)#${name}=`, "m").exec(file)?.[1]?.replaceAll(/^# |\n/gm, " ") ?? ""

const variables = Object.entries(uncommented).map(([name, value = ""]): Variable => {
  const comment = commentOf(name)
  return { name, value, comment, hasDefault: !comment.includes("No default") }
})
const sectionOf = ({ name }: Variable): string =>
  /^## ([^:\n]+)(?!.*^## )/ms.exec(file.slice(0, file.indexOf(`#${name}=`)))?.[1] ?? ""
const planned = variables.filter((variable) => sectionOf(variable) === "Not read yet")
const ofCommands = variables.filter((variable) => sectionOf(variable) === "Commands")
// Held to the worker by its own test.
const ofWorker = variables.filter((variable) => sectionOf(variable) === "Worker")
const current = variables.filter((variable) => ![...planned, ...ofCommands, ...ofWorker].includes(variable))

/** What the code makes of an environment, and which variables it asked for on the way. */
const settingsOf = (environment: Environment) =>
  Effect.gen(function* () {
    const asked = new Set<string>()
    const source = ConfigProvider.fromEnv({ env: { ...environment } })
    const recorder = ConfigProvider.make((path) =>
      Effect.suspend(() => {
        asked.add(path.join("_"))
        return source.load(path)
      })
    )
    const settings = yield* read.pipe(Effect.provideService(ConfigProvider.ConfigProvider, recorder), Effect.result)
    return { asked, settings }
  })

/** Settings as lines of path and text, secrets and all, so that any two can be compared. */
const linesOf = (value: unknown, path: string): ReadonlyArray<readonly [path: string, text: string]> => {
  if (Redacted.isRedacted(value)) return linesOf(Redacted.value(value), path)
  if (Option.isOption(value)) return linesOf(Option.getOrUndefined(value), path)
  if (Duration.isDuration(value)) return [[path, `${Duration.toMillis(value)} ms`]]
  if (value instanceof URL || (Predicate.isString(value) && URL.canParse(value))) {
    const { host, password, pathname, protocol, username } = new URL(value)
    return Object.entries({ host, password, pathname, protocol, username }).map(([key, text]) => [
      `${path}.${key}`,
      text
    ])
  }
  if (Predicate.isObject(value)) {
    return Object.entries(value).flatMap(([key, inner]) => linesOf(inner, `${path}.${key}`))
  }
  return [[path, String(value ?? "")]]
}

// Settings that cannot be read are none at all.
const tableOf = (settings: Result.Result<ApiSettings, unknown>): ReadonlyMap<string, string> =>
  new Map(Result.isSuccess(settings) ? linesOf(settings.success, "settings") : [])

/** The lines that differ, with what they are in each. */
const differences = (before: Result.Result<ApiSettings, unknown>, after: Result.Result<ApiSettings, unknown>) => {
  const from = tableOf(before)
  const to = tableOf(after)
  return [...new Set([...from.keys(), ...to.keys()])]
    .map((path) => ({ path, before: from.get(path) ?? "", after: to.get(path) ?? "" }))
    .filter((line) => line.before !== line.after)
}

const isAbsent = (text: string): boolean => text === "" || text === "false"

const alone = Effect.fnUntraced(function* ({ name, value }: Variable, environment: Environment = needs[name] ?? {}) {
  const without = yield* settingsOf(environment)
  const withIt = yield* settingsOf({ ...environment, [name]: value })
  return { isValid: Result.isSuccess(withIt.settings), differs: differences(without.settings, withIt.settings) }
})

// What the commands' own code reads: no app may import another, so it is found in the text.
const readByCommands = globSync("../../cli/src/**/*.ts", { cwd: import.meta.dirname }).flatMap((path) =>
  [
    ...readFileSync(join(import.meta.dirname, path), "utf8").matchAll(/Config\.\w+\((?:[^()]*, )?"([A-Z][A-Z0-9_]*)"/g)
  ].map(([, name = ""]) => name)
)

const namesOf = (some: ReadonlyArray<Variable>): ReadonlyArray<string> => some.map(({ name }) => name).toSorted()

describe(".env.example", () => {
  it.effect("names exactly the variables that the code reads, and the reserved ones", () =>
    Effect.gen(function* () {
      const worlds = yield* Effect.forEach([{}, { JWT_ALGORITHM: "HS256" }], settingsOf)
      const asked = new Set(worlds.flatMap((world) => [...world.asked]))
      assert.deepStrictEqual(namesOf(current), [...asked].toSorted())
      assert.deepStrictEqual(namesOf(ofCommands), readByCommands.filter((name) => !asked.has(name)).toSorted())
      assert.deepStrictEqual(namesOf(planned), notReadYet.toSorted())
    })
  )

  it("sets nothing until something is uncommented", () => {
    assert.deepStrictEqual({ ...parseEnv(file) }, {})
  })

  it("can be sourced by a shell, because values with special characters are quoted", () => {
    const lines = file.split("\n").filter((line) => /^#?[A-Z]/.test(line))
    assert.strictEqual(lines.length, variables.length)
    assert.deepStrictEqual(
      lines.filter((line) => !/^#?[A-Z_]+=([\w.,:/@-]*|"[^"$`\\]*")$/.test(line)),
      []
    )
  })

  it("describes every variable", () => {
    assert.deepStrictEqual(namesOf(variables.filter(({ comment }) => comment.trim() === "")), [])
  })

  it.effect("states the defaults of the code", () =>
    Effect.gen(function* () {
      for (const variable of current.filter(({ hasDefault }) => hasDefault)) {
        assert.isNotEmpty(variable.value, `${variable.name} has a default, which is not stated`)
        const { differs, isValid } = yield* alone(variable)
        assert.isTrue(isValid, `${variable.name}=${variable.value} is not valid`)
        assert.deepStrictEqual(differs, [], `${variable.name}=${variable.value} is not the default`)
      }
    })
  )

  it.effect("gives a valid example for each variable without a default", () =>
    Effect.gen(function* () {
      for (const variable of current.filter(({ hasDefault }) => !hasDefault)) {
        const { differs, isValid } = yield* alone(variable)
        assert.isTrue(isValid, `${variable.name}=${variable.value} is not valid`)
        assert.isTrue(
          differs.some((line) => isAbsent(line.before)),
          `${variable.name} has a default: ${JSON.stringify(differs)}`
        )
      }
    })
  )

  it.effect("states the values that production needs instead", () =>
    Effect.gen(function* () {
      const stated = current.flatMap((variable) => {
        const [, value] = /In production: (.+?)\. *$/.exec(variable.comment) ?? []
        return value === undefined ? [] : [{ ...variable, value }]
      })
      assert.isNotEmpty(stated)
      for (const variable of stated) {
        const { differs, isValid } = yield* alone(variable, production)
        assert.isTrue(isValid)
        assert.deepStrictEqual(differs, [], `${variable.name}=${variable.value} is not what production has`)
      }
    })
  )

  it.effect("is valid if every line is uncommented", () =>
    Effect.gen(function* () {
      const all = Object.fromEntries(variables.map(({ name, value }) => [name, value]))
      const { settings } = yield* settingsOf(all)
      assert.deepStrictEqual(Result.isFailure(settings) ? settings.failure.problems : [], [])
    })
  )
})
