import { Rfc3339 } from "@user-service/domain/Rfc3339"
import { secretKeyProblem } from "@user-service/domain/SecretKey"
import { ServiceScope, Unauthenticated } from "@user-service/domain/ServiceAccess"
import {
  Clock,
  Config,
  Context,
  DateTime,
  type Duration,
  Effect,
  type FileSystem,
  Layer,
  Option,
  Redacted,
  Result,
  Schema,
  SchemaIssue
} from "effect"
import { hash, timingSafeEqual } from "node:crypto"
import { type ExposurePolicy, follow, KeysUnreadable, makePermissionCheck, readText } from "./KeyFile.ts"

/** A key from the environment. It has all scopes and does not expire. */
export interface NamedKey {
  readonly name: string
  readonly key: Redacted.Redacted<string>
}

/** The sources of service keys. */
export class ServiceKeySettings extends Context.Service<
  ServiceKeySettings,
  {
    readonly named: ReadonlyArray<NamedKey>
    readonly file: Option.Option<string>
    readonly exposed: ExposurePolicy
    /** How often the file is checked for changes. One second when absent. */
    readonly pollInterval?: Duration.Input | undefined
  }
>()("@user-service/security/ServiceKeys/ServiceKeySettings") {}

/** The service that a valid key belongs to. */
export interface ServiceCaller {
  readonly name: string
  readonly scopes: ReadonlySet<ServiceScope>
}

interface StoredKey extends ServiceCaller {
  readonly sha256: Buffer
  /** The last millisecond since 1970 at which the key is valid. Null without an expiry. */
  readonly notAfter: number | null
}

/**
 * The API keys of other services. Only their SHA-256 hashes are stored, which is enough for long random keys. A presented key is
 * compared with all of them in constant time.
 */
export class ServiceKeys extends Context.Service<
  ServiceKeys,
  {
    /** Returns the service of the key and its scopes. */
    readonly authenticate: (key: string | undefined) => Effect.Effect<ServiceCaller, Unauthenticated>
  }
>()("@user-service/security/ServiceKeys") {
  /**
   * Keys from the settings, and from a file that is reloaded when it changes. If the file becomes unreadable, invalid or accessible to
   * others, this is logged once and the last keys stay in use. At the start it is an error.
   */
  static readonly layer: Layer.Layer<ServiceKeys, KeysUnreadable, FileSystem.FileSystem | ServiceKeySettings> =
    Layer.effect(
      ServiceKeys,
      Effect.gen(function* () {
        const settings = yield* ServiceKeySettings
        const named = settings.named.map(toStoredKey)
        let all: ReadonlyArray<StoredKey> = named
        if (Option.isSome(settings.file)) {
          const file = { path: settings.file.value, setting: "SERVICE_API_KEYS_FILE", exposed: settings.exposed }
          const load = Effect.fnUntraced(function* (text: string) {
            const read = parse(text, named)
            if (Result.isFailure(read)) return yield* new KeysUnreadable({ ...file, problem: read.failure })
            all = read.success
          })
          const initialText = yield* readText(file)
          const checkPermissions = makePermissionCheck(file)
          yield* checkPermissions
          yield* load(initialText)
          const { pollInterval } = settings
          yield* Effect.forkScoped(
            follow({ file, checkPermissions, initialText, pollInterval, label: "service keys", load })
          )
        }
        return { authenticate: (key) => authenticate(() => all, key) }
      })
    )
}

const authenticate = Effect.fnUntraced(function* (
  current: () => ReadonlyArray<StoredKey>,
  key: string | undefined
): Effect.fn.Return<ServiceCaller, Unauthenticated> {
  if (key === undefined || key === "") return yield* new Unauthenticated({ reason: "missing" })
  const digest = hash("sha256", key, "buffer")
  let found: StoredKey | undefined
  for (const candidate of current()) if (timingSafeEqual(candidate.sha256, digest)) found = candidate
  if (found === undefined) return yield* new Unauthenticated({ reason: "unknown" })
  const isOver = found.notAfter !== null && (yield* Clock.currentTimeMillis) > found.notAfter
  if (isOver) return yield* new Unauthenticated({ reason: "expired" })
  return found
})

const everyScope = new Set(ServiceScope.literals)

const toStoredKey = ({ key, name }: NamedKey): StoredKey => ({
  name,
  sha256: hash("sha256", Redacted.value(key), "buffer"),
  scopes: everyScope,
  notAfter: null
})

const Name = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9._-]{1,64}$/))

const KeyFileEntries = Schema.Array(
  Schema.Struct({
    name: Name,
    sha256: Schema.String.check(Schema.isPattern(/^[0-9a-fA-F]{64}$/)),
    scopes: Schema.Array(ServiceScope),
    not_after: Schema.optionalKey(Schema.NullOr(Rfc3339))
  })
)

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

// The path of the first mistake, such as `: [1].not_after is missing or wrong`. Empty if the text is not JSON.
const placeOf = ({ issue }: Schema.SchemaError): string => {
  const [first] = issuesOf(issue).issues
  const path = (first?.path ?? []).map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("")
  return path === "" ? "" : `: ${path} is missing or wrong`
}

// The file contains only hashes. Messages still do not quote it, because an operator may have put keys in it by mistake.
const parse = (text: string, named: ReadonlyArray<StoredKey>): Result.Result<ReadonlyArray<StoredKey>, string> => {
  const decoded = Schema.decodeUnknownResult(Schema.fromJsonString(KeyFileEntries))(text)
  if (Result.isFailure(decoded)) return Result.fail(`is not a list of service keys${placeOf(decoded.failure)}`)
  const keys = [
    ...named,
    ...decoded.success.map(({ name, not_after: notAfter = null, scopes, sha256 }) => ({
      name,
      sha256: Buffer.from(sha256, "hex"),
      scopes: new Set(scopes),
      notAfter: notAfter === null ? null : DateTime.toEpochMillis(notAfter)
    }))
  ]
  const problem = ambiguity(keys.map(({ name, sha256 }) => ({ name, key: sha256.toString("hex") })))
  return problem === undefined ? Result.succeed(keys) : Result.fail(`is ambiguous: ${problem}`)
}

// Each key must belong to one name, and each name to one key.
const ambiguity = (keys: ReadonlyArray<{ readonly name: string; readonly key: string }>): string | undefined => {
  const names = new Set<string>()
  const owners = new Map<string, string>()
  for (const { key, name } of keys) {
    if (names.has(name)) return `${name} is named twice`
    const owner = owners.get(key)
    if (owner !== undefined) return `${owner} and ${name} have the same key`
    names.add(name)
    owners.set(key, name)
  }
  return undefined
}

const items = (text: string): ReadonlyArray<{ readonly name: string; readonly key: string }> =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "")
    .map((item) => {
      const colon = item.indexOf(":")
      return colon < 0 ? { name: "", key: "" } : { name: item.slice(0, colon), key: item.slice(colon + 1) }
    })

// A failure names the position or the name, never a key.
const KeyList = Schema.String.check(
  Schema.makeFilter((text: string) => {
    const keys = items(text)
    const wrong = keys.findIndex(({ key, name }) => !Schema.is(Name)(name) || !/^[\x21-\x7e]+$/.test(key))
    return wrong < 0 ? (ambiguity(keys) ?? true) : `must be name:key, with commas between; item ${wrong + 1} is not`
  })
)

/** `SERVICE_API_KEYS` (`name:key`, separated by commas) and `SERVICE_API_KEYS_FILE`. None by default. */
export const config: Config.Config<Pick<ServiceKeySettings["Service"], "named" | "file">> = Config.all({
  named: Config.schema(KeyList, "SERVICE_API_KEYS").pipe(
    Config.withDefault(""),
    Config.map((text) => items(text).map(({ key, name }): NamedKey => ({ name, key: Redacted.make(key) })))
  ),
  file: Config.option(Config.NonEmptyString("SERVICE_API_KEYS_FILE"))
})

/** The reasons why keys must not be used in production, see {@link secretKeyProblem}. */
export const weaknesses = (keys: ReadonlyArray<NamedKey>): ReadonlyArray<string> =>
  keys.flatMap(({ key, name }) => {
    const problem = secretKeyProblem(Redacted.value(key))
    return problem === undefined ? [] : [`the key of ${name} ${problem}`]
  })
