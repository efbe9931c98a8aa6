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
import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  type webcrypto
} from "node:crypto"
import { dirname, join } from "node:path"
import {
  type ExposurePolicy,
  exposureOf,
  follow,
  KeysUnreadable,
  makePermissionCheck,
  readText,
  unusable
} from "./KeyFile.ts"
import * as KeySet from "./KeySet.ts"

/** An imported key pair. */
export interface ReadyKey {
  readonly kid: string
  readonly privateKey: webcrypto.CryptoKey
  readonly publicKey: webcrypto.CryptoKey
}

type ReadyAccessKey = ReadyKey & Pick<KeySet.AccessKey, "notBefore" | "notAfter">

/** An imported key for the links in mails. Each derived key has one purpose. */
export interface ReadyLinkKey {
  /** The four bytes of the key's id, as a number. */
  readonly id: number
  readonly notBefore: number
  readonly signing: KeyObject
  /** Makes the keyed hash of an address. */
  readonly addresses: KeyObject
  /** Encrypts the ids of users, with AES-256. */
  readonly ids: KeyObject
}

/** A key set with imported keys. Every reload creates a new object, so rings can be compared by identity. */
export interface KeyRing {
  readonly set: KeySet.KeySet
  readonly access: readonly [ReadyAccessKey, ...Array<ReadyAccessKey>]
  readonly refresh: ReadyKey
  readonly idSecret: KeyObject
  readonly links: readonly [ReadyLinkKey, ...Array<ReadyLinkKey>]
}

/** The key file, and whether it may be created. */
export class KeyFileSettings extends Context.Service<
  KeyFileSettings,
  {
    readonly path: string
    /** Whether to create a missing file, with mode 0600. Only outside production, because every replica would create its own keys. */
    readonly create: boolean
    readonly exposed: ExposurePolicy
    /** How often the file is checked for changes. One second when absent. */
    readonly pollInterval?: Duration.Input | undefined
  }
>()("@user-service/security/Keys/KeyFileSettings") {}

/** The current keys for signing and verifying tokens and links. */
export class Keys extends Context.Service<
  Keys,
  {
    /** A plain function, because every request calls it. */
    readonly current: () => KeyRing
    /** The current ring, then every later one. */
    readonly changes: Stream.Stream<KeyRing>
  }
>()("@user-service/security/Keys") {
  /**
   * Keys from a file, which is reloaded when it changes. If the file becomes unreadable, invalid or accessible to others, this is
   * logged once and the last keys stay in use. At the start it is an error.
   */
  static readonly layerFile: Layer.Layer<Keys, KeysUnreadable, FileSystem.FileSystem | KeyFileSettings> = Layer.effect(
    Keys,
    Effect.gen(function* () {
      const settings = yield* KeyFileSettings
      if (settings.create) yield* createIfAbsent(settings.path)
      const file = { ...fileAt(settings.path), exposed: settings.exposed }
      const text = yield* readText(file, ": `npm run cli -- keys rotate` makes it")
      const checkPermissions = makePermissionCheck(file)
      yield* checkPermissions
      const ring = yield* SubscriptionRef.make(yield* load(settings.path, text))
      yield* Effect.forkScoped(
        follow({
          file,
          checkPermissions,
          initialText: text,
          pollInterval: settings.pollInterval,
          label: "signing keys",
          load: (text) => Effect.flatMap(load(settings.path, text), (next) => SubscriptionRef.set(ring, next))
        })
      )
      return { current: () => SubscriptionRef.getUnsafe(ring), changes: SubscriptionRef.changes(ring) }
    })
  )

  /** Keys that are generated for this process and lost with it. */
  static readonly layerMemory: Layer.Layer<Keys> = Layer.effect(
    Keys,
    Effect.gen(function* () {
      const ring = yield* SubscriptionRef.make(importRing(KeySet.generate(yield* nowSeconds)))
      return { current: () => SubscriptionRef.getUnsafe(ring), changes: SubscriptionRef.changes(ring) }
    })
  )
}

/** `JWT_KEYS_FILE`, otherwise `jwt-keys.json` in `DATA_DIR` (`.data`). `named` is whether `JWT_KEYS_FILE` is set. */
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
 * Adds a new access key to the file, see {@link KeySet.rotate}. Running processes reload the file. It is replaced atomically (the target,
 * if it is a link), and the new file is not readable by others.
 */
export const rotateFile = Effect.fn("Keys.rotateFile")(function* (path: string, accessLifetimeSeconds: number) {
  const { set } = yield* Effect.flatMap(readText(fileAt(path)), (text) => load(path, text))
  const next = KeySet.makeKeyPair()
  const now = yield* nowSeconds
  const rotated = KeySet.rotate(set, next, { now, accessLifetimeSeconds })
  const fs = yield* FileSystem.FileSystem
  const target = yield* Effect.mapError(fs.realPath(path), unusable(fileAt(path), "cannot be written"))
  yield* write(target, rotated, (fs, from) =>
    // Keeps the owner, because the service may run as another user than this command.
    Effect.andThen(keepOwner(fs, target, from), fs.rename(from, target))
  )
  return { kid: next.kid, signsFrom: now + KeySet.jwksMaxAgeSeconds }
})

// Keeps the group's read permission too, because the service may depend on it.
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

// Two processes may start at once. Linking fails for the second one, and both then read the same file.
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
  install: (fs: FileSystem.FileSystem, from: string) => Effect.Effect<void, PlatformError.PlatformError>
): Effect.Effect<void, KeysUnreadable, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = dirname(path)
    yield* makeFolder(directory)
    const temporary = yield* fs.makeTempDirectoryScoped({ directory, prefix: ".keys-" })
    const from = join(temporary, "keys.json")
    const file = yield* fs.open(from, { flag: "wx", mode: 0o600 })
    yield* file.writeAll(new TextEncoder().encode(KeySet.format(keys)))
    yield* file.sync
    yield* install(fs, from)
  }).pipe(Effect.scoped, Effect.mapError(unusable(fileAt(path), "cannot be written")))

const importRing = (set: KeySet.KeySet): KeyRing => {
  const [first, ...rest] = set.access
  return {
    set,
    access: [importAccessKey(first), ...rest.map(importAccessKey)],
    refresh: importKey(set.refresh),
    idSecret: createSecretKey(set.refresh.idSecret, "base64url"),
    links: [importLinkKey(set.links[0]), ...set.links.slice(1).map(importLinkKey)]
  }
}

const importLinkKey = ({ kid, notBefore, secret }: KeySet.LinkKey): ReadyLinkKey => {
  const derive = (purpose: string) =>
    createSecretKey(
      Buffer.from(hkdfSync("sha256", Buffer.from(secret, "base64url"), "", `user-service link ${purpose}`, 32))
    )
  return {
    id: Buffer.from(kid, "base64url").readUInt32BE(0),
    notBefore,
    signing: derive("signature"),
    addresses: derive("address"),
    ids: derive("id")
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
