import { wordsOf } from "@user-service/domain/Folders"
import { type Duration, Effect, FileSystem, type PlatformError, Schema } from "effect"
import process from "node:process"

/**
 * What becomes of a key file that others than its owner and its group can read, or others than its owner can write: it is refused,
 * as in production; it is used with a warning; or it is made its owner's only, where it was this service that made it.
 */
export type ExposurePolicy = "refuse" | "warn" | "mend"

/** A key file, and the settings that name it. */
export interface KeyFile {
  readonly path: string
  /** As an operator finds them: `SERVICE_API_KEYS_FILE`. */
  readonly setting: string
  readonly exposed: ExposurePolicy
}

/** The key file is absent, out of reach or not what it should be. What it holds is never part of the message. */
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
  ({ path, setting }: Pick<KeyFile, "path" | "setting">, what: string) =>
  (error: PlatformError.PlatformError) =>
    new KeysUnreadable({ path, setting, problem: `${what}: ${wordsOf(error)}` })

/** `whereAbsent` says what makes the file, where something does. */
export const readText = (file: Pick<KeyFile, "path" | "setting">, whereAbsent = "") =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const { type } = yield* fs.stat(file.path)
    // Opening a pipe would wait until somebody writes into it, in a thread that no signal ends.
    if (type !== "File") return yield* new KeysUnreadable({ ...file, problem: "is not a regular file" })
    return yield* fs.readFileString(file.path)
  }).pipe(
    Effect.catchTag("PlatformError", (error) =>
      Effect.fail(
        error.reason._tag === "NotFound"
          ? new KeysUnreadable({ ...file, problem: `does not exist${whereAbsent}` })
          : unusable(file, "cannot be read")(error)
      )
    )
  )

// A group may read: that is how secrets are mounted for a process that is not root, as by Kubernetes with an fsGroup.
const reasons: ReadonlyArray<readonly [bits: number, reason: string]> = [
  [0o002, "every user of the machine can write it"],
  [0o004, "every user of the machine can read it"],
  [0o020, "its group can write it"]
]

/** Why a file of this mode must not hold keys; nothing where it may. Windows has other rights, which are not looked at. */
export const exposureOf = (mode: number): string | undefined =>
  process.platform === "win32" ? undefined : reasons.find(([bits]) => (mode & bits) !== 0)?.[1]

/**
 * Judges the file by its mode, or where it is a link that of its target. Answers a judge that remembers what it has said, so that
 * the same is logged once.
 */
export const makeJudge = (file: KeyFile) => {
  const { exposed, path, setting } = file
  let said: string | undefined
  return Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const mode = (yield* fs.stat(path)).mode & 0o777
    const reason = exposureOf(mode)
    if (reason === undefined) {
      said = undefined
      return
    }
    const problem = `has mode 0${mode.toString(8)}, so that ${reason}: \`chmod 600 ${path}\` mends it`
    const error = new KeysUnreadable({ path, setting, problem })
    if (exposed === "refuse") return yield* error
    if (exposed === "mend") yield* fs.chmod(path, 0o600)
    if (said === problem) return
    said = problem
    yield* Effect.logWarning(`${error.message}${exposed === "mend" ? ", which was done" : ""}`)
  }).pipe(Effect.catchTag("PlatformError", (error) => Effect.fail(unusable(file, "cannot be judged")(error))))
}

/**
 * Looks at a file for ever, and takes its text up each time it has changed since `first`. A file that has become
 * unreadable, or open to others, is logged once, and what it said last stays in force.
 */
export const follow = <R>(options: {
  readonly file: KeyFile
  readonly judge: ReturnType<typeof makeJudge>
  readonly first: string
  /** How often to look; a second when absent. */
  readonly pollInterval?: Duration.Input | undefined
  /** What the keys are called in the log. */
  readonly what: string
  readonly take: (text: string) => Effect.Effect<void, KeysUnreadable, R>
}) => {
  let seen = options.first
  let complaint: string | undefined
  // The whole text is compared, not the time of the file: it is short, and a mounted secret's time can stand still.
  const look = Effect.gen(function* () {
    const text = yield* readText(options.file)
    yield* options.judge
    if (text === seen) {
      complaint = undefined
      return
    }
    seen = text
    yield* options.take(text)
    complaint = undefined
    yield* Effect.logInfo(`The ${options.what} have changed`)
  }).pipe(
    Effect.catch((error) => {
      const isNews = error.message !== complaint
      complaint = error.message
      return isNews ? Effect.logError(`${error.message}; the last good keys stay in force`) : Effect.void
    })
  )
  return Effect.sleep(options.pollInterval ?? "1 second").pipe(Effect.andThen(look), Effect.forever)
}
