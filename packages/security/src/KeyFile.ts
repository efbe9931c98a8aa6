import { wordsOf } from "@user-service/domain/Folders"
import { type Duration, Effect, FileSystem, type PlatformError, Schema } from "effect"

/** A key file, and the settings that name it. */
export interface KeyFile {
  readonly path: string
  /** As an operator finds them: `SERVICE_API_KEYS_FILE`. */
  readonly setting: string
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
  ({ path, setting }: KeyFile, what: string) =>
  (error: PlatformError.PlatformError) =>
    new KeysUnreadable({ path, setting, problem: `${what}: ${wordsOf(error)}` })

/** `whereAbsent` says what makes the file, where something does. */
export const readText = Effect.fnUntraced(function* (file: KeyFile, whereAbsent = "") {
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.mapError(fs.readFileString(file.path), (error) =>
    error.reason._tag === "NotFound"
      ? new KeysUnreadable({ ...file, problem: `does not exist${whereAbsent}` })
      : unusable(file, "cannot be read")(error)
  )
})

/**
 * Looks at a file for ever, and takes its text up each time it has changed since `first`. A file that has become
 * unreadable is logged once, and what it said last stays in force.
 */
export const follow = <R>(options: {
  readonly file: KeyFile
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
    if (text === seen) return
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
