import { messageOf } from "@user-service/domain/Folders"
import { type Duration, Effect, FileSystem, type PlatformError, Schema } from "effect"
import process from "node:process"

/**
 * What happens with a key file that others can read or write, or that its group can write: `refuse` fails, as in production; `warn` logs
 * a warning; `mend` sets mode 0600, for files that this service created.
 */
export type ExposurePolicy = "refuse" | "warn" | "mend"

/** A key file and the policy for its permissions. */
export interface KeyFile {
  readonly path: string
  /** The setting that names the file, for messages: `SERVICE_API_KEYS_FILE`. */
  readonly setting: string
  readonly exposed: ExposurePolicy
}

/** The key file is missing, unreadable or invalid. The message never contains any of its content. */
export class KeysUnreadable extends Schema.TaggedError<KeysUnreadable>()("KeysUnreadable", {
  path: Schema.String,
  setting: Schema.String,
  problem: Schema.String
}) {
  override get message() {
    return `The key file ${this.path} (${this.setting}) ${this.problem}`
  }
}

export const unusable =
  ({ path, setting }: Pick<KeyFile, "path" | "setting">, summary: string) =>
  (error: PlatformError.PlatformError) =>
    new KeysUnreadable({ path, setting, problem: `${summary}: ${messageOf(error)}` })

/** Reads the file. `hint` is appended to the error if the file does not exist. */
export const readText = (file: Pick<KeyFile, "path" | "setting">, hint = "") =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const { type } = yield* fs.stat(file.path)
    // Opening a named pipe would block a thread of libuv for good.
    if (type !== "File") return yield* new KeysUnreadable({ ...file, problem: "is not a regular file" })
    return yield* fs.readFileString(file.path)
  }).pipe(
    Effect.catchTag("PlatformError", (error) =>
      Effect.fail(
        error.reason._tag === "NotFound"
          ? new KeysUnreadable({ ...file, problem: `does not exist${hint}` })
          : unusable(file, "cannot be read")(error)
      )
    )
  )

// The group may read: Kubernetes mounts secrets like that for processes that are not root (fsGroup).
const reasons: ReadonlyArray<readonly [bits: number, reason: string]> = [
  [0o002, "every user of the machine can write it"],
  [0o004, "every user of the machine can read it"],
  [0o020, "its group can write it"]
]

/** Why a file with this mode must not contain keys, or undefined if it may. Windows permissions are not checked. */
export const exposureOf = (mode: number): string | undefined =>
  process.platform === "win32" ? undefined : reasons.find(([bits]) => (mode & bits) !== 0)?.[1]

/**
 * Returns a check of the file's permissions (of the target if it is a link), which applies the policy of the file. The same problem is
 * logged once.
 */
export const makePermissionCheck = (file: KeyFile) => {
  const { exposed, path, setting } = file
  let loggedProblem: string | undefined
  return Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const mode = (yield* fs.stat(path)).mode & 0o777
    const reason = exposureOf(mode)
    if (reason === undefined) {
      loggedProblem = undefined
      return
    }
    const problem = `has mode 0${mode.toString(8)}, so that ${reason}: \`chmod 600 ${path}\` mends it`
    const error = new KeysUnreadable({ path, setting, problem })
    if (exposed === "refuse") return yield* error
    if (exposed === "mend") yield* fs.chmod(path, 0o600)
    if (loggedProblem === problem) return
    loggedProblem = problem
    yield* Effect.logWarning(`${error.message}${exposed === "mend" ? ", which was done" : ""}`)
  }).pipe(Effect.catchTag("PlatformError", (error) => Effect.fail(unusable(file, "cannot be judged")(error))))
}

/**
 * Polls the file forever and calls `load` whenever its text has changed. If the file becomes unreadable, invalid or accessible to
 * others, this is logged once and the last keys stay in use.
 */
export const follow = <R>(options: {
  readonly file: KeyFile
  readonly checkPermissions: ReturnType<typeof makePermissionCheck>
  /** The text that was loaded already. */
  readonly initialText: string
  /** One second when absent. */
  readonly pollInterval?: Duration.Input | undefined
  /** The name of the keys in the log. */
  readonly label: string
  readonly load: (text: string) => Effect.Effect<void, KeysUnreadable, R>
}) => {
  let current = options.initialText
  let loggedMessage: string | undefined
  // Compares the text, which is short: the modification time of a mounted secret may not change.
  const poll = Effect.gen(function* () {
    const text = yield* readText(options.file)
    yield* options.checkPermissions
    if (text === current) {
      loggedMessage = undefined
      return
    }
    current = text
    yield* options.load(text)
    loggedMessage = undefined
    yield* Effect.logInfo(`The ${options.label} have changed`)
  }).pipe(
    Effect.catch((error) => {
      const isNew = error.message !== loggedMessage
      loggedMessage = error.message
      return isNew ? Effect.logError(`${error.message}; the last good keys stay in force`) : Effect.void
    })
  )
  return Effect.sleep(options.pollInterval ?? "1 second").pipe(Effect.andThen(poll), Effect.forever)
}
