import { makeFolder } from "@user-service/domain/Folders"
import {
  Clock,
  Config,
  Context,
  type Duration,
  Effect,
  FileSystem,
  Layer,
  Option,
  type PlatformError,
  Result,
  type Stream,
  SubscriptionRef
} from "effect"
import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject, type webcrypto } from "node:crypto"
import { dirname, join } from "node:path"
import { type ExposurePolicy, exposureOf, follow, KeysUnreadable, makeJudge, readText, unusable } from "./KeyFile.ts"
import * as KeySet from "./KeySet.ts"

/** A key ready for use. */
export interface ReadyKey {
  readonly kid: string
  readonly privateKey: webcrypto.CryptoKey
  readonly publicKey: webcrypto.CryptoKey
}

type ReadyAccessKey = ReadyKey & Pick<KeySet.AccessKey, "notBefore" | "notAfter">

/** A key set with its keys imported, once. Another set is another object. */
export interface KeyRing {
  readonly set: KeySet.KeySet
  readonly access: readonly [ReadyAccessKey, ...Array<ReadyAccessKey>]
  readonly refresh: ReadyKey
  readonly idSecret: KeyObject
}

/** Where the keys are, and whether they may be made where they are not. */
export class KeyFileSettings extends Context.Service<
  KeyFileSettings,
  {
    readonly path: string
    /** Makes the file, mode 0600, when there is none: outside production only, or every replica has keys of its own. */
    readonly create: boolean
    readonly exposed: ExposurePolicy
    /** How often to look for a change; a second when absent. */
    readonly pollInterval?: Duration.Input | undefined
  }
>()("@user-service/security/Keys/KeyFileSettings") {}

/** The keys that tokens are signed and checked with, as they stand now. */
export class Keys extends Context.Service<
  Keys,
  {
    /** A plain read, for it stands before every request. */
    readonly current: () => KeyRing
    /** The current ring, then every later one. */
    readonly changes: Stream.Stream<KeyRing>
  }
>()("@user-service/security/Keys") {
  /**
   * Keys from a file, read again when it changes. A file that has become unreadable, or open to others, leaves the last good
   * keys in force and is logged once; at the start it is an error.
   */
  static readonly layerFile: Layer.Layer<Keys, KeysUnreadable, FileSystem.FileSystem | KeyFileSettings> = Layer.effect(
    Keys,
    Effect.gen(function* () {
      const settings = yield* KeyFileSettings
      if (settings.create) yield* createIfAbsent(settings.path)
      const file = { ...fileAt(settings.path), exposed: settings.exposed }
      const text = yield* readText(file, ": `npm run cli -- keys rotate` makes it")
      const judge = makeJudge(file)
      yield* judge
      const ring = yield* SubscriptionRef.make(yield* load(settings.path, text))
      yield* Effect.forkScoped(
        follow({
          file,
          judge,
          first: text,
          pollInterval: settings.pollInterval,
          what: "signing keys",
          take: (text) => Effect.flatMap(load(settings.path, text), (next) => SubscriptionRef.set(ring, next))
        })
      )
      return { current: () => SubscriptionRef.getUnsafe(ring), changes: SubscriptionRef.changes(ring) }
    })
  )

  /** Keys made for this process and lost with it. */
  static readonly layerMemory: Layer.Layer<Keys> = Layer.effect(
    Keys,
    Effect.gen(function* () {
      const ring = yield* SubscriptionRef.make(importRing(KeySet.generate(yield* nowSeconds)))
      return { current: () => SubscriptionRef.getUnsafe(ring), changes: SubscriptionRef.changes(ring) }
    })
  )
}

/** `JWT_KEYS_FILE`, else `jwt-keys.json` in `DATA_DIR` (`.data`); `named` tells which. */
export const config: Config.Config<{ readonly path: string; readonly named: boolean }> = Config.all({
  file: Config.option(Config.NonEmptyString("JWT_KEYS_FILE")),
  dataDir: Config.NonEmptyString("DATA_DIR").pipe(Config.withDefault(".data"))
}).pipe(
  Config.map(({ dataDir, file }) => ({
    path: Option.getOrElse(file, () => join(dataDir, "jwt-keys.json")),
    named: Option.isSome(file)
  }))
)

const fileAt = (path: string) => ({ path, setting: "JWT_KEYS_FILE, else jwt-keys.json in DATA_DIR" })

/**
 * Publishes a next access key in the file, see {@link KeySet.rotate}; running processes take it up by themselves.
 * The file is replaced whole or not at all; of a link it is the target. Whatever its mode was, others cannot read the new one.
 */
export const rotateFile = Effect.fn("Keys.rotateFile")(function* (path: string, accessLifetimeSeconds: number) {
  const { set } = yield* Effect.flatMap(readText(fileAt(path)), (text) => load(path, text))
  const next = KeySet.makeKeyPair()
  const now = yield* nowSeconds
  const rotated = KeySet.rotate(set, next, { now, accessLifetimeSeconds })
  const fs = yield* FileSystem.FileSystem
  const target = yield* Effect.mapError(fs.realPath(path), unusable(fileAt(path), "cannot be written"))
  yield* write(target, rotated, (fs, from) =>
    // Whoever rotates, it stays the file of whom the service runs as.
    Effect.andThen(keepOwner(fs, target, from), fs.rename(from, target))
  )
  return { kid: next.kid, signsFrom: now + KeySet.jwksMaxAgeSeconds }
})

// And its group's to read where it was: the service may run in that group alone.
const keepOwner = Effect.fnUntraced(function* (fs: FileSystem.FileSystem, path: string, successor: string) {
  const { gid, mode, uid } = yield* fs.stat(path)
  if (exposureOf(mode) === undefined && (mode & 0o040) !== 0) yield* fs.chmod(successor, 0o640)
  if (Option.isSome(uid) && Option.isSome(gid)) yield* fs.chown(successor, uid.value, gid.value)
})

const nowSeconds = Effect.map(Clock.currentTimeMillis, (millis) => Math.floor(millis / 1000))

const load = Effect.fnUntraced(function* (path: string, text: string) {
  const parsed = KeySet.parse(text)
  if (Result.isFailure(parsed)) return yield* new KeysUnreadable({ ...fileAt(path), problem: parsed.failure })
  return importRing(parsed.success)
})

// Two processes may start at once: linking lets one file win, and both read that one.
const createIfAbsent = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  if (yield* Effect.mapError(fs.exists(path), unusable(fileAt(path), "cannot be read"))) return
  const keys = KeySet.generate(yield* nowSeconds)
  yield* write(path, keys, (fs, from) =>
    Effect.catchIf(
      fs.link(from, path),
      (error) => error.reason._tag === "AlreadyExists",
      () => Effect.void
    )
  )
})

const write = (
  path: string,
  keys: KeySet.KeySet,
  place: (fs: FileSystem.FileSystem, from: string) => Effect.Effect<void, PlatformError.PlatformError>
): Effect.Effect<void, KeysUnreadable, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = dirname(path)
    yield* makeFolder(directory)
    const beside = yield* fs.makeTempDirectoryScoped({ directory, prefix: ".keys-" })
    const from = join(beside, "keys.json")
    const file = yield* fs.open(from, { flag: "wx", mode: 0o600 })
    yield* file.writeAll(new TextEncoder().encode(KeySet.format(keys)))
    yield* file.sync
    yield* place(fs, from)
  }).pipe(Effect.scoped, Effect.mapError(unusable(fileAt(path), "cannot be written")))

const importRing = (set: KeySet.KeySet): KeyRing => {
  const [first, ...rest] = set.access
  return {
    set,
    access: [importAccessKey(first), ...rest.map(importAccessKey)],
    refresh: importKey(set.refresh),
    idSecret: createSecretKey(set.refresh.idSecret, "base64url")
  }
}

const importAccessKey = (key: KeySet.AccessKey): ReadyAccessKey => ({
  ...importKey(key),
  notBefore: key.notBefore,
  notAfter: key.notAfter
})

const importKey = ({ jwk, kid }: Pick<KeySet.AccessKey, "kid" | "jwk">): ReadyKey => {
  const secret = createPrivateKey({ key: jwk, format: "jwk" })
  return {
    kid,
    privateKey: secret.toCryptoKey("Ed25519", false, ["sign"]),
    publicKey: createPublicKey(secret).toCryptoKey("Ed25519", false, ["verify"])
  }
}
