import { Predicate, Schema } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"

/** The folder of the clone, which is Compose's project directory. */
export const root = join(import.meta.dirname, "../../..")

type Environment = Readonly<Record<string, string>>
type Tree = Record<string, unknown>

const Limits = Schema.Struct({ cpus: Schema.String, memory: Schema.String })

const Service = Schema.Struct({
  profiles: Schema.optionalKey(Schema.Array(Schema.String)),
  image: Schema.String,
  build: Schema.optionalKey(
    Schema.Struct({ context: Schema.String, dockerfile: Schema.String, target: Schema.String })
  ),
  entrypoint: Schema.optionalKey(Schema.Array(Schema.String)),
  command: Schema.optionalKey(Schema.Array(Schema.String)),
  restart: Schema.String,
  read_only: Schema.optionalKey(Schema.Boolean),
  cap_drop: Schema.optionalKey(Schema.Array(Schema.String)),
  security_opt: Schema.optionalKey(Schema.Array(Schema.String)),
  environment: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  ports: Schema.optionalKey(Schema.Array(Schema.String)),
  volumes: Schema.optionalKey(Schema.Array(Schema.String)),
  secrets: Schema.optionalKey(Schema.Array(Schema.String)),
  tmpfs: Schema.optionalKey(Schema.Array(Schema.String)),
  networks: Schema.Union([
    Schema.Array(Schema.String),
    Schema.Record(Schema.String, Schema.Struct({ ipv4_address: Schema.String }))
  ]),
  stop_grace_period: Schema.optionalKey(Schema.String),
  deploy: Schema.Struct({ resources: Schema.Struct({ limits: Limits }) }),
  depends_on: Schema.optionalKey(Schema.Record(Schema.String, Schema.Struct({ condition: Schema.String }))),
  healthcheck: Schema.optionalKey(Schema.Struct({ test: Schema.Array(Schema.String) }))
})
type Service = Schema.Schema.Type<typeof Service>

const Model = Schema.Struct({
  services: Schema.Record(Schema.String, Service),
  networks: Schema.Record(Schema.String, Schema.Unknown),
  volumes: Schema.Record(Schema.String, Schema.Unknown),
  secrets: Schema.optionalKey(Schema.Record(Schema.String, Schema.Struct({ file: Schema.String })))
})
type Model = Schema.Schema.Type<typeof Model>

// Compose Specification, "Interpolation": `:-` is a default for an unset or empty variable, `:?` an error, and `$$` a dollar sign.
const interpolate = (text: string, environment: Environment): string =>
  text.replaceAll(/\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name?: string, operator?: string, word = "") => {
    if (name === undefined) return "$"
    const value = environment[name] ?? ""
    if (value !== "" || operator === undefined) return value
    if (operator === "-") return word
    throw new Error(`required variable ${name} is missing a value: ${word}`)
  })

const interpolateAll = (tree: unknown, environment: Environment): unknown => {
  if (typeof tree === "string") return interpolate(tree, environment)
  if (Array.isArray(tree)) return tree.map((item) => interpolateAll(item, environment))
  if (!Predicate.isObject(tree)) return tree
  return Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, interpolateAll(value, environment)]))
}

// Compose Specification, "Merge": maps by key, lists by appending, but commands and checks replace what they override.
const merge = (before: unknown, after: unknown, key = ""): unknown => {
  if (Array.isArray(before) && Array.isArray(after)) {
    return ["command", "entrypoint", "test"].includes(key) ? after : [...before, ...after]
  }
  if (!Predicate.isObject(before) || !Predicate.isObject(after)) return after
  const merged: Tree = { ...before }
  for (const [name, value] of Object.entries(after)) {
    merged[name] = name in merged ? merge(merged[name], value, name) : value
  }
  return merged
}

/** The model of `docker compose -f <first> -f <second> ...` in this environment. */
export const load = (files: ReadonlyArray<string>, environment: Environment = {}): Model => {
  const trees = files.map((file): unknown => parse(readFileSync(join(root, file), "utf8"), { merge: true }))
  return Schema.decodeUnknownSync(Model)(
    interpolateAll(
      trees.reduce((before, after) => merge(before, after)),
      environment
    )
  )
}

/**
 * The services that a command uses. Compose Specification, "Profiles": a service without profiles is always enabled, another one if
 * one of its profiles is active. A service that the command names (`targets`) is enabled with its own profiles, and brings the services
 * that it depends on. The profiles of `--profile` take the place of those in COMPOSE_PROFILES.
 */
export const enabled = (
  model: Model,
  profiles: ReadonlyArray<string>,
  targets: ReadonlyArray<string> = []
): ReadonlyArray<string> => {
  const active = new Set([...profiles, ...targets.flatMap((name) => model.services[name]?.profiles ?? [])])
  const isEnabled = ({ profiles: own = [] }: Service) => own.length === 0 || own.some((profile) => active.has(profile))
  const all = Object.entries(model.services).flatMap(([name, service]) => (isEnabled(service) ? [name] : []))
  if (targets.length === 0) return all
  const reached = new Set(targets)
  for (const name of reached) for (const next of Object.keys(model.services[name]?.depends_on ?? {})) reached.add(next)
  return all.filter((name) => reached.has(name))
}

/** A duration such as `30s` or `1m`, in seconds. */
export const secondsOf = (text: string): number => {
  const [, amount = "", unit = ""] = /^(\d+)(s|m)$/.exec(text) ?? []
  return Number(amount) * (unit === "m" ? 60 : 1)
}
