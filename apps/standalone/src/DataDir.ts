import { Effect, FileSystem, Schema } from "effect"
import process from "node:process"

/** The folder belongs to a process that still runs: two on one embedded database would destroy it. */
export class DataDirInUse extends Schema.TaggedError<DataDirInUse>()("DataDirInUse", {
  path: Schema.String,
  pid: Schema.Int
}) {
  override get message() {
    return `DATA_DIR ${this.path} is in use by process ${this.pid}`
  }
}

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (cause) {
    // It runs, as somebody else.
    return cause instanceof Error && "code" in cause && cause.code === "EPERM"
  }
}

/** Holds the folder for this process until the scope closes. A file left by one that was killed is taken over. */
export const hold = Effect.fnUntraced(function* (path: string) {
  const files = yield* FileSystem.FileSystem
  const file = `${path}/process.pid`
  yield* files.makeDirectory(path, { recursive: true })
  const write = files.writeFileString(file, String(process.pid), { flag: "wx", mode: 0o600 })
  yield* Effect.acquireRelease(
    write.pipe(
      Effect.catchReason("PlatformError", "AlreadyExists", () =>
        Effect.gen(function* () {
          const pid = Number(yield* files.readFileString(file))
          if (pid !== process.pid && isRunning(pid)) return yield* new DataDirInUse({ path, pid })
          yield* files.remove(file)
          yield* write
        })
      )
    ),
    () => Effect.ignore(files.remove(file))
  )
})
